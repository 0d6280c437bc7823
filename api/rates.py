"""How many requests a caller may send: a bucket for each that fills as time goes by, kept in this process alone."""

import time
from collections import OrderedDict
from collections.abc import Callable

#: Callers of whom a bucket is kept; one who was longest away is forgotten, and has a full one when it comes again.
MOST_CALLERS = 10_000
_MINUTE_NS = 60 * 10**9


class Rates:
    """Buckets that hold the requests of a minute, so that who was quiet may send many at once."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._clock_ns = clock_ns
        #: What is left, and when that was so; who asked last stands last. A request is `_MINUTE_NS`, and a nanosecond
        #: brings as much as there are requests a minute: whole numbers, so that the time that is told is exact.
        self._buckets: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def take(self, caller: str, *, per_minute: int) -> int:
        """Take one request of `caller`: 0 where it may be sent, else seconds to wait. With 0 a minute any may."""
        if not per_minute:
            return 0
        now, full = self._clock_ns(), per_minute * _MINUTE_NS
        left, since = self._buckets.get(caller, (full, now))
        left = min(full, left + (now - since) * per_minute)
        missing = max(0, _MINUTE_NS - left)
        self._buckets[caller] = (left if missing else left - _MINUTE_NS, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return -(-missing // (per_minute * 10**9))
