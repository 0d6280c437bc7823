"""Trainings that several tests look at, each run once."""

from pathlib import Path

import pytest

from tests.trainer.jobs import TrainerJob
from tests.training import Tiny


@pytest.fixture(scope="session")
def jobs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="session")
def trained(tiny: Tiny, jobs_folder: Path) -> TrainerJob:
    """TRL, seed 1."""
    return TrainerJob(tiny, jobs_folder / "trl").finished()
