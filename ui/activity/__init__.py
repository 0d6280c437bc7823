"""Parts of the page Activity."""
