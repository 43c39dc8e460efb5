"""Fixtures for the tests of deployment files: the settings, routes and paths of the code itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rookery.publisher.settings import EMULATOR_VARIABLE
from rookery.worker.settings import Settings
from tests.deploy.image_engine import LOCK, ImageEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENTS_OWN = {EMULATOR_VARIABLE, "STORAGE_EMULATOR_HOST"}
"""Variables that Google's clients read themselves."""


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def worker_variables() -> set[str]:
    """Every variable that a worker reads."""
    return {f"ROOKERY_{name.upper()}" for name in Settings.model_fields} | CLIENTS_OWN


@pytest.fixture(scope="session")
def routes(root: Path) -> set[tuple[str, str]]:
    """Every method and path that the worker serves."""
    text = (root / "worker" / "app.py").read_text()
    return set(re.findall(r'\("(GET|POST)", "([^"]+)"\): ', text))


@pytest.fixture(scope="session")
def named_settings() -> Callable[[str], set[str]]:
    """Find the settings that a text names."""
    return lambda text: set(re.findall(r"\bROOKERY_[A-Z_]*[A-Z]\b", text))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> ImageEngine:
    """Buildah and podman without a daemon."""
    return ImageEngine(tmp_path_factory.mktemp("engine"))


@pytest.fixture(scope="session")
def worker_image(engine: ImageEngine) -> Iterator[str]:
    """The worker's image, built of this tree."""
    image = engine.built("worker", LOCK)
    yield image
    engine.removed(image)
