"""Files into rows: where their bytes come from, what kind of file it is, and a reader for each."""
