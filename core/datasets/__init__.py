"""Dataset versions: chosen examples, rendered by one recipe, split, frozen, exported and verified."""
