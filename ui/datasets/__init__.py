"""The page Datasets: versions, one of them, two compared, and a new one."""
