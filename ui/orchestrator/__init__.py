"""The page Orchestrator: requests, plans that wait, what runs, the history, and one execution in a drawer."""
