"""A seeded company to play with: a year of executions and business data in a workspace of its own."""

from core.demo.loading import WORKSPACE, DemoSummary, drop, load

__all__ = ["WORKSPACE", "DemoSummary", "drop", "load"]
