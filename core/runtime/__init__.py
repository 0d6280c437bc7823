"""The composition root: what runs in this process, and which agents there are.

`process` opens the database and starts the threads, `builder` builds the dataset versions that were asked for, and
`agents` says who does which commands. Nothing below imports this package.
"""
