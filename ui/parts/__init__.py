"""What pages are made of: session, windows, notices, formats, addresses, tables."""
