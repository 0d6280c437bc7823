"""How many cores arithmetic may take: one, so that pages go on beside it."""

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from threadpoolctl import ThreadpoolController


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def one_core() -> AbstractContextManager[Any]:
    """Let what is computed meanwhile use one thread.

    Matrices this small gain little from a second one, and lose much on a busy machine, where two wait for each other by
    turning round. Measured with two cores and a load of 10: 50 texts encoded in a CPU second, with one thread 240;
    100,000 vectors compared in 41 ms, with one thread 27.
    """
    return _libraries().limit(limits=1, user_api="blas")
