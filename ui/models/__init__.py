"""The models of the page Fine-tuning: which is in use, evaluations, comparisons, the playground."""
