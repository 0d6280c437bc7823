"""Whetstone's core: everything that is not drawing. Imports neither streamlit nor fastapi."""
