"""While it trains: events, the stop between two steps, and the loss on the validation rows."""

# pyright: reportMissingImports=false

import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from transformers import TrainerCallback

from job import Job, JobRefused
from progress import Progress
from rows import IGNORED
from stopping import Stopping

#: Names of the engines' values, and ours.
_TRAINED = {
    "loss": "loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "mean_token_accuracy": "accuracy",
}
_MEASURED = {"eval_loss": "eval_loss", "eval_accuracy": "eval_accuracy"}


class Interrupted(Exception):
    """A stop was asked for while the validation rows were measured."""


class Watch(TrainerCallback):
    """Tells what happens, and stops the training when that is asked for."""

    def __init__(self, job: Job, progress: Progress, stopping: Stopping) -> None:
        self._job, self._progress, self._stopping = job, progress, stopping
        self._steps = self._tokens_before = 0
        self._seconds = self._step_began = self._measure_s = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._tokens_before = state.num_input_tokens_seen
        self._progress.tell("train_begin", step=state.global_step, max_steps=state.max_steps, epochs=self._job.epochs)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._step_began = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._steps += 1
        self._seconds += time.monotonic() - self._step_began
        if self._job.slow_ms:
            time.sleep(self._job.slow_ms / 1000)
        if agreed(bool(self._stopping.reason), args.device):
            end(control)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        logs = logs or {}
        names = _MEASURED if "eval_loss" in logs else _TRAINED if "loss" in logs else {}
        if not names:  # a summary at the end, which the result has too
            return
        values = {ours: logs[theirs] for theirs, ours in names.items() if theirs in logs}
        self._measure_s = logs.get("eval_seconds", self._measure_s)
        speed = self._speed(state) if names is _TRAINED else {}
        self._progress.tell(
            "log", step=state.global_step, max_steps=state.max_steps or None, epoch=state.epoch, **values, **speed
        )
        if not math.isfinite(values.get("loss", 0.0)):
            raise JobRefused(
                "diverged",
                f"The loss is no number any more at step {state.global_step}; choose a smaller learning rate.",
            )

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._progress.tell("checkpoint", step=state.global_step, name=f"checkpoint-{state.global_step}")

    def _speed(self, state: Any) -> dict[str, Any]:
        """Of this start, and without the time for measuring, saving and reading."""
        tokens = state.num_input_tokens_seen
        left = state.max_steps - state.global_step
        a_step = self._seconds / max(self._steps, 1)
        measures = math.ceil(left / self._job.eval_steps) if self._job.val else 0
        return {
            "tokens": tokens,
            "tokens_per_s": round((tokens - self._tokens_before) / max(self._seconds, 1e-9), 1),
            "seconds_left": round(left * a_step + measures * self._measure_s, 1),
        }


def agreed(flag: bool, device: Any) -> bool:
    """Whether any process wants it: all of them have to stop at the same step."""
    if not torch.distributed.is_initialized():
        return flag
    shared = torch.tensor([int(flag)], device=device)
    torch.distributed.all_reduce(shared, op=torch.distributed.ReduceOp.MAX)
    return bool(shared.item())


def end(control: Any) -> None:
    """Save a checkpoint, then end the training."""
    control.should_save = control.should_training_stop = True


class Measured:
    """Measures the validation rows itself, before one of the engines' trainers.

    Engines average over batches, and processes over their shares; this is the mean over all learned tokens, whatever
    the batches, the engine and the number of processes, so that losses can be compared.
    """

    stopping: Stopping
    #: The last values, and the step at which they were measured.
    measured: tuple[int, dict[str, float]] | None = None

    def evaluate(self: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate, when the engine calls for it while it trains."""
        try:
            values = self.measure()
        except Interrupted:
            values = {}
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, values)
        if not values:
            end(self.control)
        return values

    def measure(self: Any) -> dict[str, float]:
        """Loss and share of right tokens on the validation rows, told as an event. Raises `Interrupted`."""
        began = time.monotonic()
        model, was_training = self.model, self.model.training
        model.eval()
        try:
            loss, right, tokens = self._sums(model)
            values = {"eval_loss": loss / tokens, "eval_accuracy": right / tokens}
            values["eval_seconds"] = time.monotonic() - began
            self.measured = (self.state.global_step, values)
            self.log(dict(values))
        finally:
            model.train(was_training)
        return values

    @torch.no_grad()
    def _sums(self: Any, model: Any) -> tuple[float, float, float]:
        """Sum loss, right tokens and learned tokens, over all processes."""
        sums = torch.zeros(3, dtype=torch.float64, device=self.args.device)
        for batch in self._batches():
            if self.stopping.reason and not torch.distributed.is_initialized():
                raise Interrupted
            labels = batch.pop("labels")[:, 1:]
            is_learned = labels != IGNORED
            logits = model(**batch).logits[:, :-1][is_learned].float()
            wanted = labels[is_learned]
            sums[0] += torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
            sums[1] += (logits.argmax(-1) == wanted).sum()
            sums[2] += wanted.numel()
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
        return tuple(sums.tolist())

    def _batches(self: Any) -> Iterator[dict[str, Any]]:
        """Yield this process's share of the rows, as many at once as are trained at once."""
        share = list(self.eval_dataset)[self.args.process_index :: self.args.world_size]
        size = self.args.per_device_eval_batch_size
        for at in range(0, len(share), size):
            batch = self.data_collator(share[at : at + size])
            yield {name: values.to(self.args.device) for name, values in batch.items()}
