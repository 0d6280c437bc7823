"""Whether a page of the app still waits for its script, by what goes over its socket.

The page itself says so only from the moment at which the server has begun: on a busy machine too late to wait for it.
"""

from weakref import WeakKeyDictionary

from playwright.sync_api import Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class Scripts:
    """What a tab has asked for since it was last told that a script has come to its end."""

    def __init__(self) -> None:
        self.waits = False

    def connected(self, socket: WebSocket) -> None:
        self.waits = False  # what the page before has asked for is answered to nobody
        socket.on("framesent", self._asked)
        socket.on("framereceived", self._told)

    def _asked(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes) and BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
            self.waits = True

    def _told(self, frame: str | bytes) -> None:
        if not isinstance(frame, bytes):
            return
        message = ForwardMsg.FromString(frame)
        if message.WhichOneof("type") == "script_finished":
            # One that makes way for another is followed by that one's end.
            self.waits = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN


_OF: WeakKeyDictionary[Page, Scripts] = WeakKeyDictionary()


def watch(page: Page) -> Scripts:
    """Begin to look, before the page is opened."""
    if page not in _OF:
        _OF[page] = Scripts()
    return _OF[page]


def wait(page: Page, most_s: float = 60) -> None:
    """Until no script is asked for; AssertionError where that takes longer than `most_s`."""
    for _ in range(int(most_s * 20)):
        if not watch(page).waits:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"a script of {page.url} has not come to its end in {most_s:g} s")
