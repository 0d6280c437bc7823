"""The app's part in fine-tuning as a process of its own, which can be killed: `python -m tests.tuning.local.app URL`.

Its settings come from the environment. It works until its standard input ends.
"""

import sys

from core.db import Database
from core.tuning.engine import Poller, Schedule


def main(url: str) -> None:
    database = Database(url)
    # A killed app has its jobs for as long as its lease lasts; a test does not wait a minute for that.
    poller = Poller(database, idle_s=0.2, schedule=Schedule(lease_s=4.0))
    poller.start()
    sys.stdin.read()
    poller.stop()
    database.close()


if __name__ == "__main__":
    main(sys.argv[1])
