"""Training on one's own machines, and answering with Ollama: what the provider `local` is made of."""
