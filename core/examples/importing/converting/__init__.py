"""Rows into records: which shape a file has, which column is which field, and what each value means."""
