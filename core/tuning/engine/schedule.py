"""How often jobs are looked at, in one place: engine, documentation and tests read the numbers here."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from core.tuning.jobs import SEARCHES


@dataclass(frozen=True)
class Schedule:
    """Seconds, unless said otherwise."""

    #: After which a job whose owner was not heard of is taken up by another.
    lease_s: float = 60.0
    #: Between two polls of a provider elsewhere: at first, and when a job has run for long.
    hosted_s: tuple[float, float] = (15.0, 60.0)
    #: Between two polls of what runs on this machine.
    machine_s: tuple[float, float] = (1.0, 2.0)
    #: Before each search for a submission that was not answered; after them a person is asked.
    searches_s: tuple[float, ...] = (2.0, 10.0, 20.0, 40.0, 60.0, 60.0)
    #: Between searches while a person is waited for: it may still turn up.
    late_search_s: float = 900.0
    #: A submission that is younger may still be on its way, so that it is not found proves nothing.
    settle_s: float = 10.0
    #: After a call that failed, doubling with each in a row, up to the longest.
    backoff_s: float = 5.0
    longest_s: float = 600.0
    #: How often what was certainly not begun is tried again by itself.
    tries: int = 8
    #: Between two words of an upload about its progress that are written down.
    report_s: float = 1.0
    #: 0.0 to 1.0: what keeps jobs from being polled all at once.
    chance: Callable[[], float] = random.random

    def until_poll(self, age_s: float, *, on_machine: bool) -> float:
        """Until a job that has run for `age_s` is polled again: a twentieth of that, within limits, and some chance."""
        least, most = self.machine_s if on_machine else self.hosted_s
        return min(max(age_s / 20, least) * (1 + self.chance() / 4), most)

    def after_fault(self, faults: int, at_least: float | None = None) -> float:
        """Until the next try after so many in a row failed; no less than the provider asked for."""
        pause = min(self.backoff_s * 2 ** min(faults - 1, 20), self.longest_s)
        return max(pause * (1 + self.chance() / 4), at_least or 0.0)

    def until_search(self, searches: int) -> float:
        """Until the next search after so many found nothing."""
        return self.searches_s[searches] if searches < SEARCHES else self.late_search_s
