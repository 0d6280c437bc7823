"""Who plans: the built-in planner by rules, or a model; both read the same intents and wishes of a request."""
