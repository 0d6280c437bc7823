"""What the company did before: tasks, posts, social and web analytics, figures of the business."""
