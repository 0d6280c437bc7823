"""Jobs: what runs with its curve, the table of all of them, and one in a drawer."""
