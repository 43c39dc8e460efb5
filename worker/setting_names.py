"""Names of variables: those of before, and misspelled ones, which would leave a default in force unseen."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMER: Final = {
    "ROOKERY_BODY_BYTES": "ROOKERY_MAX_REQUEST_BYTES",
    "ROOKERY_DUPLICATES_COUNT": "ROOKERY_DEDUPLICATION_ROWS",
    "ROOKERY_DUPLICATES_SECONDS": "ROOKERY_DEDUPLICATION_SECONDS",
    "ROOKERY_ECHO_ROWS": "ROOKERY_FEATURE_SAMPLE_ROWS",
    "ROOKERY_FAST_LANE": "ROOKERY_FAST_PATH",
    "ROOKERY_INTAKE_BYTES": "ROOKERY_QUEUE_BYTES",
    "ROOKERY_INTAKE_ROWS": "ROOKERY_QUEUE_ROWS",
    "ROOKERY_OBJECT_LINES": "ROOKERY_FLUSH_ROWS",
    "ROOKERY_OBJECT_SECONDS": "ROOKERY_FLUSH_INTERVAL_SECONDS",
    "ROOKERY_PUSH_KEYS_URL": "ROOKERY_PUSH_JWKS_URL",
    "ROOKERY_WRITE_SECONDS": "ROOKERY_WRITE_TIMEOUT_SECONDS",
}
"""Variables under their names before 0.2, which are read where today's is not set; they go with the next version."""

OF_OTHERS: Final = (
    "ROOKERY_ACCESS_TOKEN",
    "ROOKERY_DEBUG",
    "ROOKERY_LOAD_",
    "ROOKERY_TEST_",
    "ROOKERY_TOPIC",
    "ROOKERY_WORKER",
)
"""Beginnings of variables that other programs of Rookery read."""

_SIMILARITY: Final = 0.8


def misspelled(variables: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return each `ROOKERY_` variable that no program reads and that is nearly a known one, with that one."""
    names = {*known, *FORMER}
    found = {}
    for variable in variables:
        if variable.startswith("ROOKERY_") and variable not in names and not variable.startswith(OF_OTHERS):
            for near in get_close_matches(variable, names, 1, _SIMILARITY):
                found[variable] = FORMER.get(near, near)
    return found
