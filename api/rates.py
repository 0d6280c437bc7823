"""How many requests a caller may send: a bucket for each that fills as time goes by, kept in this process alone."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

#: Callers of whom a bucket is kept; one who was longest away is forgotten, and has a full one when it comes again.
MOST_CALLERS = 10_000


class Rates:
    """Buckets that hold the requests of a minute, so that who was quiet may send many at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: What is left, and when that was so; who asked last stands last.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, *, per_minute: int) -> int:
        """Take one request of `caller`: 0 where it may be sent, else seconds to wait. With 0 a minute any may."""
        if not per_minute:
            return 0
        now = self._clock()
        left, since = self._buckets.get(caller, (float(per_minute), now))
        left = min(per_minute, left + (now - since) * per_minute / 60)
        wait_s = 0 if left >= 1 else math.ceil((1 - left) * 60 / per_minute)
        self._buckets[caller] = (left if wait_s else left - 1, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return wait_s
