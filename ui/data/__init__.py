"""The page Data: filter, numbers, charts, the table of examples, and one of them in a drawer."""
