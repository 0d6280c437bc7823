"""The page Queue: numbers, filter, the table of commands, acts on them, and one of them in a drawer."""
