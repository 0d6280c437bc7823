"""The page Insights: patterns of good work, topics, platforms, the business beside the content, and the history that
all of it rests on."""
