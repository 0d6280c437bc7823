"""Fine-tuning: jobs, the providers that run them, the models that come out, and which one is in use."""
