"""Whetstone's core: everything that is not drawing. Imports neither streamlit nor fastapi."""

__version__ = "0.1.0"
