"""Former names of settings and of fields in files, which are read for one more version; they go in 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS: Final[Mapping[str, str]] = {
    "ROOKERY_LOAD_PEAK": "ROOKERY_LOAD_MAX_USERS",
    "ROOKERY_LOAD_DOOR": "ROOKERY_LOAD_TRANSPORT",
    "ROOKERY_LOAD_BIRDS": "ROOKERY_LOAD_READINGS",
    "ROOKERY_LOAD_CAP": "ROOKERY_LOAD_MAX_MESSAGES",
    "ROOKERY_LOAD_STORM_RATE": "ROOKERY_LOAD_OPEN_LOOP_RATE",
    "ROOKERY_LOAD_STORM_MESSAGES": "ROOKERY_LOAD_OPEN_LOOP_MESSAGES",
    "ROOKERY_LOAD_SPOILT_SHARE": "ROOKERY_LOAD_MALFORMED_SHARE",
}
"""Variables of a swarm."""

FIELDS: Final[Mapping[str, str]] = {
    "species": "labels",
    "wishes": "swarm_settings",
    "doubtful": "unconfirmed",
    "doubtful_arrived": "unconfirmed_arrived",
    "unknown": "unexpected",
    "troubles": "examples",
}
"""Fields of a run's folder."""


def renamed(names: Mapping[str, Any], former: Mapping[str, str]) -> dict[str, Any]:
    """Replace former names by today's; a value under today's name wins."""
    return {former.get(name, name): value for name, value in names.items()} | {
        name: value for name, value in names.items() if name not in former
    }
