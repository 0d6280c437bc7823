"""The app with providers of fine-tuning that do what a script says: `uvicorn tests.scripted_app:app`."""

from dataclasses import replace

import app as real
from core.tuning.providers.protocol import JobStatus
from tests.scripted import everyone, install, running
from ui.tuning import watch as tuning_watch

STEPS = 9

providers = everyone()
# Long enough to be seen running.
providers["local"].polls = (
    *(replace(running(step, STEPS), poll_again_s=0.6) for step in range(1, STEPS + 1)),
    JobStatus("trained", "done", tokens_trained=1_000),
)
providers["openai"].polls = (replace(running(1, 100), poll_again_s=0.4),)
install(providers)
tuning_watch.EVERY_S = tuning_watch.IDLE_EVERY_S = 1
app = real.app
