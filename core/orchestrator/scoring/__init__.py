"""What an execution is worth: the rubric of its form and the faults that count, a model's judgement, and results."""
