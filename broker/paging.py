"""Lists in pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from broker.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and where the next page begins (empty: there is none)."""

    items: list[T]
    next_token: str


def page(items: Sequence[T], size: int, token: str) -> Page[T]:
    """Cut a page of `size` items (0: all) that begins where `token` says; raises Invalid."""
    if (token and not token.isdecimal()) or size < 0:
        raise Invalid(f"page_size {size} or page_token {token!r} is not valid.")
    start = int(token or 0)
    end = start + size if size else len(items)
    return Page(list(items[start:end]), str(end) if end < len(items) else "")
