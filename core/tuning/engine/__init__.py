"""The engine: moves fine-tuning jobs from state to state, each step committed before and after a provider is asked.

Poller    the threads of a process that look for jobs that are due, in every workspace
Engine    the engine of one workspace: claims a job, does one step of it, lets go
Schedule  how often what is looked at

From top to bottom: `poller`, `engine`, then `submission` up to the provider's answer and `completion` from there to the
model. Both write through a `step`, under a lease of `leases`; `schedule` says when a job is due again.
"""

from core.tuning.engine.engine import Engine
from core.tuning.engine.poller import Poller
from core.tuning.engine.schedule import Schedule

__all__ = ["Engine", "Poller", "Schedule"]
