"""What a plan is made from: context of the request, history, similar examples, prompts, and the words of texts."""
