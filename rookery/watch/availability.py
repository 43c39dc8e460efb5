"""Availability: since when a worker or broker that the page was given does not answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Availability:
    """One address that is asked, whether it ever answered, and since when (Unix seconds) it does not."""

    address: str
    answered: bool = False
    silent_since: float | None = None

    def enter(self, now: float, *, answers: bool) -> None:
        """Enter whether it answers now."""
        if answers:
            self.answered, self.silent_since = True, None
        elif self.silent_since is None:
            self.silent_since = now


class Availabilities:
    """The worker and the broker of a page by name; one without an address (None) is not asked."""

    def __init__(self, addresses: Mapping[str, str | None]) -> None:
        """Store the addresses; none has been asked."""
        self.by_name = {
            name: None if each is None else Availability(each) for name, each in addresses.items()
        }

    def enter(self, answers: Mapping[str, Any], now: float) -> None:
        """Enter the answers by name, None for one that did not answer."""
        for name, each in self.by_name.items():
            if each is not None:
                each.enter(now, answers=answers[name] is not None)
