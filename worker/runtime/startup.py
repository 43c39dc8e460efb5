"""Lean start: what has to be set before the first large import, and put right after the last."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


BEFORE: Final = {
    # It would start a thread for every CPU as it is loaded; a worker has no product that is worth one.
    "OPENBLAS_NUM_THREADS": "1",
    # XGBoost starts as many for each thread that loads a model, by the CPUs of the host; each batch is one thread's.
    "OMP_THREAD_LIMIT": "1",
    # Looking for plugins means reading what every installed package says of itself.
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
"""Variables that libraries read once; those that are set already stay as they are."""


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import without what libraries begin on the side, and without looking for garbage, of which there is next to none."""
    for name, value in BEFORE.items():
        os.environ.setdefault(name, value)
    gc.disable()
    try:
        yield
    finally:
        # Modules live until the end: no collection need walk them again.
        gc.freeze()
        gc.enable()
