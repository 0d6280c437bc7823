"""The trainer as the app sees it: its environment, its programs, and the folders of its jobs."""
