"""Examples: what an execution left behind, as training records. Filter, look, tag, edit, import."""
