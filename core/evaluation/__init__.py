"""Evaluations: ask a model the frozen records of a split, keep each answer, and say what they are worth.

estimate, start, cancel, resume, stalled  what a person asks for: an `EvaluationEstimate`, and an evaluation
command, run, fail                        what the command of the queue does
get, latest, of_models, outputs           an `Evaluation` and its `Output`s as values
compare, pairs                            a `Comparison` of two, and record by record
"""

from core.evaluation.comparison import Comparison, Pair, compare, pairs
from core.evaluation.evaluations import EvaluationEstimate, cancel, command, estimate, resume, stalled, start
from core.evaluation.records import Evaluation, Output, get, latest, of_models, outputs
from core.evaluation.runs import fail, run

__all__ = [
    "Comparison",
    "Evaluation",
    "EvaluationEstimate",
    "Output",
    "Pair",
    "cancel",
    "command",
    "compare",
    "estimate",
    "fail",
    "get",
    "latest",
    "of_models",
    "outputs",
    "pairs",
    "resume",
    "run",
    "stalled",
    "start",
]
