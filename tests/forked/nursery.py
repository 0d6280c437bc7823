"""Run programs in forks of one process that has imported what they need, which takes the trainer five seconds and the
command line two.

`python nursery.py SOCKET trainer`, with the trainer's Python, or `python nursery.py SOCKET core`. A connection brings
one request, a line of JSON with `argv`, `environment`, and two file descriptors for its output; it is answered with two
lines: the process, and, at its end, how it ended. Ends with its standard input.
"""

# pyright: reportMissingImports=false

import json
import os
import runpy
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

#: As `base.quiet_libraries` says it before they are imported.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


def trainer() -> None:
    os.environ.update(_OFFLINE)
    import datasets  # noqa: F401
    import gguf  # noqa: F401
    import peft  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer  # noqa: F401
    from trl import SFTConfig, SFTTrainer  # noqa: F401


def core() -> None:
    sys.path[0] = str(Path.cwd())  # for `-m`, and because this folder's neighbours have names of libraries
    from core.__main__ import registered

    registered()
    del sys.modules["core.__main__"]  # what each of them begins with


def main(path: str, imported: str) -> None:
    {"trainer": trainer, "core": core}[imported]()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as ready:
        listening.bind(f"{path}.new")
        listening.listen()
        Path(f"{path}.new").rename(path)  # who sees it may connect at once
        ready.register(listening, selectors.EVENT_READ)
        ready.register(sys.stdin, selectors.EVENT_READ)
        while True:
            if any(key.fileobj is sys.stdin for key, _ in ready.select()):
                return
            connection, _ = listening.accept()
            if not os.fork():
                answer(connection)
                os._exit(0)
            connection.close()


def answer(connection: socket.socket) -> None:
    """Fork the program, and say when it has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    request = json.loads(message)
    child = os.fork()
    if not child:
        os._exit(become(request, descriptors))
    for descriptor in descriptors:
        os.close(descriptor)
    connection.sendall(b"%d\n" % child)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.sendall(b"%d\n" % code)


def become(request: dict[str, Any], descriptors: list[int]) -> int:
    """Run a program as if it had just been started; its exit code."""
    for place, descriptor in enumerate(descriptors, start=1):
        os.dup2(descriptor, place)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["argv"]
    code = 0
    try:
        if sys.argv[0] == "-m":
            _, module, *arguments = sys.argv
            sys.argv = [module, *arguments]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = str(Path(sys.argv[0]).parent)
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:  # noqa: BLE001 (as Python itself would end)
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    main(*sys.argv[1:])
