"""Requests become plans, approved plans become commands, and every run becomes an example."""
