"""Profiles: a system prompt with examples from a dataset, chosen by what they gain. Nothing of a model changes."""
