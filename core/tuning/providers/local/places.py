"""Where jobs and bases of this provider lie, and who trains: this machine, or the Ray cluster."""

import os
import shutil
from pathlib import Path

from core.settings import Settings
from core.tuning.providers.local.choices import Chosen
from core.tuning.providers.local.runners import Runner
from core.tuning.providers.local.runners.local import LocalRunner
from core.tuning.providers.local.runners.ray import RayRunner
from core.tuning.providers.local.training import programs
from core.tuning.providers.protocol import JobView, NotSubmitted


def store(settings: Settings, runner: str) -> Path:
    """Where bases are kept: on this disk, or where the cluster's machines see them, too."""
    shared = settings.ray_folder if runner == "ray" else None
    return (shared or settings.home / "tuning").absolute() / "bases"


def folder_of(job: JobView) -> Path:
    """Where the job's trainer works."""
    if Chosen.of(job.spec.settings).runner == "ray" and job.settings.ray_folder is not None:
        return job.settings.ray_folder.absolute() / "jobs" / job.key
    return job.folder.absolute()


def runner_of(settings: Settings, runner: str) -> Runner:
    """Who runs the trainer. Raises `NotSubmitted` where that is a cluster without an address."""
    if runner == "machine":
        return LocalRunner(device(settings))
    if settings.ray_address is None:
        raise NotSubmitted(
            "RAY_ADDRESS is not set, so there is no cluster to train on.",
            code="not_reachable",
            advice="Set it to the dashboard of your Ray cluster, or train on this machine.",
        )
    return RayRunner(settings.ray_address, settings.ray_token)


def device(settings: Settings) -> Path:
    """Where the trainers of this machine agree on whose turn it is."""
    return settings.home.absolute() / "tuning" / "device"


#: What the environment is made of, and no part of a training.
_NOT_FOR_JOBS = shutil.ignore_patterns("__pycache__", "lock.txt")


def lay_program(folder: Path) -> Path:
    """Return the trainer's program in the job's own folder: a job goes on with what it began with, also after an
    update, and the machines of a cluster find it.
    """
    target = folder / "trainer"
    if not target.exists():
        unfinished = folder / "trainer.part"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(programs.FOLDER, unfinished, ignore=_NOT_FOR_JOBS)
        unfinished.replace(target)
    return target / "train.py"


def lay_file(file: Path, folder: Path) -> Path:
    """Return a file of records in the job's folder, under its own name, which is its hash; linked where that can be
    done.
    """
    target = folder / file.name
    if not target.exists():
        unfinished = folder / f".{file.name}.part"
        unfinished.unlink(missing_ok=True)
        try:
            os.link(file, unfinished)
        except OSError:  # another disk, or one that knows no links
            shutil.copyfile(file, unfinished)
        unfinished.replace(target)
    return target
