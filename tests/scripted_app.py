"""The app with providers of fine-tuning that do what a script says: `uvicorn tests.scripted_app:app`."""

import app as real
from tests.scripted import everyone, install
from ui import tuning_watch

install(everyone())
tuning_watch.EVERY_S = tuning_watch.IDLE_EVERY_S = 1
app = real.app
