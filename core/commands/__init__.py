"""The command queue: work for agents, done once by one of any number of workers."""
