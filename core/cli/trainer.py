"""`trainer install`, `trainer status` and `trainer remove`."""

from dataclasses import asdict
from typing import Annotated, Any, cast

import typer

from core.cli import AsJson, app, command, show
from core.settings import get_settings
from core.tuning.providers.local.training import environment
from core.tuning.providers.local.training.environment import Environment, InstallProgress
from core.tuning.providers.local.training.packages import Device

group = typer.Typer(help="The environment in which models are trained on this machine.", no_args_is_help=True)
app.add_typer(group, name="trainer")


@command("install", group=group)
def install(
    device: Annotated[str, typer.Option("--device", help="cpu, or cuda for an NVIDIA GPU (several gigabytes).")],
    as_json: AsJson = False,
) -> None:
    """Make the trainer's environment, or bring it to the versions this one needs."""
    tell = _silent if as_json else _tell
    made = environment.install(get_settings(), cast("Device", device), tell)
    show(_facts(made), as_json=as_json, text=_describe(made))


@command("status", group=group)
def status(as_json: AsJson = False) -> None:
    """Say what there is to train with."""
    found = environment.status(get_settings())
    show(_facts(found), as_json=as_json, text=_describe(found))


@command("remove", group=group)
def remove(as_json: AsJson = False) -> None:
    """Remove the environment; trained models stay."""
    freed = environment.remove(get_settings())
    text = f"Removed; {freed / 1e9:.1f} GB are free again." if freed else "There was nothing to remove."
    show({"freed_bytes": freed}, as_json=as_json, text=text)


def _facts(found: Environment) -> dict[str, Any]:
    return asdict(found) | {"python": str(found.python) if found.python else None}


def _describe(found: Environment) -> str:
    size = f" ({found.size_bytes / 1e9:.1f} GB)" if found.size_bytes else ""
    python = f"\n{found.python}{size}" if found.python else ""
    return f"{found.state}: {found.sentence}{python}"


def _tell(progress: InstallProgress) -> None:
    typer.echo(f"{progress.share:4.0%}  {progress.sentence}", err=True)


def _silent(progress: InstallProgress) -> None:
    """For programs, which read the result alone."""
