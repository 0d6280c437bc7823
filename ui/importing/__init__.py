"""The page Import: files, what they hold, what importing them would change."""
