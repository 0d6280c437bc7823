"""What is drawn: a package for each page, and `parts`, which they share."""
