"""Lean start: what has to be set before the first large import, and put right after the last."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


BEFORE: Final = {
    # It would start a thread for every CPU as it is loaded; a worker has no product that is worth one.
    "OPENBLAS_NUM_THREADS": "1",
    # XGBoost starts as many for each thread that loads a model, by the CPUs of the host; each batch is one thread's.
    "OMP_THREAD_LIMIT": "1",
    # Looking for plugins means reading what every installed package says of itself.
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
"""Variables that libraries read once; those that are set already stay as they are."""

NO_CERTIFICATES: Final = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
"""aiohttp reads the machine's certificates twice as it is imported: 57 ms and 2.6 MB for connections that are not made.

Its own contexts then trust no certificate. JwksClient, which does connect, brings a context of its own.
"""


@contextmanager
def lean_imports() -> Iterator[None]:
    """Import without what libraries begin on the side, and without looking for garbage, of which there is next to none."""
    for name, value in BEFORE.items():
        os.environ.setdefault(name, value)
    gc.disable()
    try:
        with _set(NO_CERTIFICATES):
            yield
    finally:
        # Modules live until the end: no collection need walk them again.
        gc.freeze()
        gc.enable()


@contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
