"""The page Fine-tuning: a new job, the jobs there are, and one of them in a drawer."""
