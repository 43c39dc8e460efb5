"""Lists in pages, each of which begins behind the last name of the one before it."""

from __future__ import annotations

import base64
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rookery.broker.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items, and where the next page begins (empty: there is none)."""

    items: list[T]
    next_token: str


def page(items: Sequence[T], size: int, token: str) -> Page[T]:
    """Cut a page of `size` items (0: all) that begins where `token` says; raises InvalidArgumentError.

    The items are names or have one, and are sorted by it. A token is the last name that was shown, so that no item is passed over when
    others come or go between two pages.
    """
    if size < 0:
        raise InvalidArgumentError(f"page_size is {size}, needed is 0 or more.")
    start = bisect_right(items, _read(token), key=_name) if token else 0
    found = list(items[start : start + size] if size else items[start:])
    more = start + len(found) < len(items)
    return Page(found, _token(found[-1]) if more else "")


def _name(item: Any) -> str:
    name: str = item if isinstance(item, str) else item.name
    return name


def _token(last: Any) -> str:
    return base64.urlsafe_b64encode(_name(last).encode()).decode()


def _read(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidArgumentError(f"page_token {token!r} is none of this list.") from None
