"""How fast Whetstone is, as ratios against something real that does the same work in the same run.

    python -m benchmarks.run [--examples 1000000] [--only NAME] [--home FOLDER]

Every program of `run.NAMES` measures one claim on a demo company of that size, in a database of its own with the
settings of a real one: fsync is on. Contestants run in turns, so that a busy moment hits all of them.
"""
