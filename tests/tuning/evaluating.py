"""A process of its own that evaluates, for a test that kills it."""

import sys

from core import evaluation
from core.db import Database

if __name__ == "__main__":
    url, evaluation_id = sys.argv[1:]
    evaluation.run(Database(url), int(evaluation_id), at_once=2)
