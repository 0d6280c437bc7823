"""The script that Streamlit runs stands here alone: its folder comes first on Python's search path."""
