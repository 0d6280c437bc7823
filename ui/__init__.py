"""What pages share. Nothing here may be named like a module of the standard library or of a dependency."""
