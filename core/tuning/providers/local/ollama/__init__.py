"""Answering with what was trained: Ollama's API, making a model of an adapter, and serving it."""
