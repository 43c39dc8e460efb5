"""The limits of production on names and on what is published."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rookery.broker.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rookery.broker.scheduling.messages import MessageDraft

MAX_PUBLISH_BYTES: Final = 10_000_000
MAX_PUBLISH_MESSAGES: Final = 1_000
MAX_ATTRIBUTES: Final = 100
MAX_NAME_BYTES: Final = 256
MAX_VALUE_BYTES: Final = 1_024
_NAME: Final = re.compile(
    r"projects/[!-.0-~]+/(topics|subscriptions)/(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}"
)


def check_name(name: str, collection: str) -> None:
    """Raise InvalidArgumentError unless `name` is projects/P/`collection`/ID with an ID that Google allows."""
    match = _NAME.fullmatch(name)
    if match is None or match[1] != collection:
        raise InvalidArgumentError(
            f"Invalid resource name given (name={name}): needed is projects/PROJECT/{collection}/ID, where ID is "
            "3 to 255 letters, digits and -_.~+%, begins with a letter and not with goog."
        )


def check_drafts(drafts: Sequence[MessageDraft]) -> None:
    """Raise InvalidArgumentError with every reason why production would refuse this publish request; texts are Unicode already."""
    if _plain(drafts):
        return
    wrong = []
    if not drafts:
        wrong.append("The request has no messages.")
    if len(drafts) > MAX_PUBLISH_MESSAGES:
        wrong.append(f"The request has {len(drafts)} messages, at most {MAX_PUBLISH_MESSAGES} are allowed.")
    size = sum(_size(draft) for draft in drafts)
    if size > MAX_PUBLISH_BYTES:
        wrong.append(f"The request has {size} bytes, at most {MAX_PUBLISH_BYTES} are allowed.")
    for position, draft in enumerate(drafts):
        if not draft.data and not draft.attributes:
            wrong.append(f"Message {position} is empty: it needs data or at least one attribute.")
        if len(draft.ordering_key.encode()) > MAX_VALUE_BYTES:
            wrong.append(f"Message {position} has an ordering key of more than {MAX_VALUE_BYTES} bytes.")
        if draft.attributes:
            wrong.extend(f"Message {position} has {reason}." for reason in _attributes(draft.attributes))
    if wrong:
        raise InvalidArgumentError(" ".join(wrong[:10]))


def _plain(drafts: Sequence[MessageDraft]) -> bool:
    """Whether all have data alone, within the limits: most requests, which need no look at each message."""
    if not 0 < len(drafts) <= MAX_PUBLISH_MESSAGES:
        return False
    data, attributes, keys = zip(*drafts, strict=True)
    return all(data) and not any(attributes) and not any(keys) and sum(map(len, data)) <= MAX_PUBLISH_BYTES


def _size(draft: MessageDraft) -> int:
    attributes = draft.attributes
    names = (
        sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
        if attributes
        else 0
    )
    return len(draft.data) + names + len(draft.ordering_key.encode())


def _attributes(attributes: Mapping[str, str]) -> list[str]:
    wrong = []
    if len(attributes) > MAX_ATTRIBUTES:
        wrong.append(f"more than {MAX_ATTRIBUTES} attributes")
    for name, value in attributes.items():
        if not name or len(name.encode()) > MAX_NAME_BYTES:
            wrong.append(f"an attribute name that is empty or longer than {MAX_NAME_BYTES} bytes")
        # Google's own clients carry trace context under googclient_, and production takes it from anyone.
        if name.startswith("goog") and not name.startswith("googclient_"):
            wrong.append(f"the attribute {name}, and names that begin with goog are reserved")
        if len(value.encode()) > MAX_VALUE_BYTES:
            wrong.append(f"an attribute {name} of more than {MAX_VALUE_BYTES} bytes")
    return wrong
