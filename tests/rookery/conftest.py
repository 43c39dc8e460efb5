"""A broker of its own for the front door's tests, as a real process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.environment import process as child

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with child.broker(tmp_path_factory.mktemp("broker")) as started:
        yield started.address()
