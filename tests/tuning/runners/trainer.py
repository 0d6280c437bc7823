"""A program that keeps to what a trainer promises, and learns nothing: events, checkpoints, stop file, signals.

Each start that does not go on from a checkpoint is told to the file PRETENDED_STARTS, where that is set; while there is
a file `hold` beside that, the training does not come to its end unless it is told to stop.

Its job.json: `steps`, `step_s`, `save_steps`, and `fault`, one of: "" · "dies" (without a word, once past half, each
time) · "dies once" · "deaf" (to the stop file and to SIGTERM) · "error".
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
job = {"steps": 6, "step_s": 0.1, **json.loads((folder / "job.json").read_text())}
rank = int(os.environ.get("RANK", "0"))
asked: list[int] = []
deaf = job.get("fault") == "deaf"
signal.signal(signal.SIGTERM, signal.SIG_IGN if deaf else lambda number, _frame: asked.append(number))


def tell(event: str, **values: object) -> None:
    if rank == 0:
        with (folder / "progress.jsonl").open("a") as file:
            file.write(json.dumps({"t": time.time(), "event": event, **values}) + "\n")


def save(step: int) -> None:
    if rank == 0:
        checkpoint = folder / "out" / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True, exist_ok=True)
        (checkpoint / "adapter_model.safetensors").write_text(str(step))
        (checkpoint / "trainer_state.json").write_text("{}")
        tell("checkpoint", step=step, name=checkpoint.name)


def main() -> None:
    done = max((int(each.name.split("-")[1]) for each in folder.glob("out/checkpoint-*")), default=0)
    if not done and (starts := os.environ.get("PRETENDED_STARTS")):
        with Path(starts).open("a") as file:
            file.write(f"{folder.name}\n")
    tell(
        "start", resume_from=f"checkpoint-{done}" if done else None, pid=os.getpid(), world=os.environ.get("WORLD_SIZE")
    )
    sys.stderr.write(f"began at {done}\n")
    tell("train_begin", step=done, max_steps=job["steps"])
    died = (folder / "died").exists()
    hold = Path(os.environ.get("PRETENDED_STARTS", folder / "starts")).with_name("hold")
    for step in range(done + 1, job["steps"] + 1):
        time.sleep(job["step_s"])
        while hold.exists() and not (asked or (folder / "stop").exists()):
            time.sleep(0.01)
        tell("log", step=step, max_steps=job["steps"], loss=1 / step, learning_rate=0.001, seconds_left=1.0)
        if step > job["steps"] / 2 and (job.get("fault") == "dies" or (job.get("fault") == "dies once" and not died)):
            (folder / "died").touch()
            sys.stderr.write("the machine is on fire\n")
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        if job.get("fault") == "error":
            tell("failed", error="RuntimeError: out of memory")
            sys.exit(1)
        if not deaf and (asked or (folder / "stop").exists()):
            save(step)
            tell("stopped", step=step)
            sys.exit(75)
        if step % job["save_steps"] == 0:
            save(step)
    if rank == 0:
        (folder / "adapter").mkdir(exist_ok=True)
        (folder / "adapter" / "adapter_model.safetensors").write_text("learned")
        (folder / "result.json").write_text(json.dumps({"steps": job["steps"]}))
    tell("done", steps=job["steps"])


main()
