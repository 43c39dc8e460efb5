"""Why something was not published.

The tree of errors::

    PublishError
    ├── BadTopicError        the name is no topic's; raised at once
    ├── BadBrokerError       the address is no broker's; raised at once
    ├── BadFileError         the file as a whole is no table of readings; raised at once
    ├── ResumeError          a checkpoint does not fit the file or the options; raised at once
    ├── BadMessageError      too large, or attributes that Pub/Sub refuses; raised at once
    ├── BadOutboxError       the file is no outbox, or one of another topic; raised at once
    ├── OutboxFullError      the outbox is full; raised at once, nothing was stored
    ├── StillStoredError     the outbox is not empty yet; nothing is lost
    ├── ClosedError          the publisher is closed; raised at once
    ├── ForkedError          its answer goes to the process that this one was forked from; raised at once
    ├── RefusedError         Pub/Sub refused this request; the next one may pass
    ├── NoSuchTopicError     hopeless: nothing else will pass either
    ├── NotAllowedError      hopeless: credentials are missing or do not suffice
    ├── UnreachableError     hopeless: no connection to the address
    ├── UnansweredError      hopeless: no answer in time; the message may have been published all the same
    └── NotPublishedError    several of the above, with every reading concerned

Hopeless: the next message would fare no better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from rookery.schemas.rejection import Reason


class PublishError(Exception):
    """Something was not published; `hopeless` says that the next message would fare no better."""

    hopeless: ClassVar[bool] = False


class BadTopicError(PublishError):
    """The name cannot be a topic's."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"{name!r} is no topic: {rule}")


class BadBrokerError(PublishError):
    """The address cannot be a broker's."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address!r} is no broker's address: HOST:PORT is needed, as 127.0.0.1:8085")


class BadFileError(PublishError):
    """The file cannot be read as readings; carries every reason, and `lines`, each of one reason."""

    def __init__(self, name: str, *reasons: Reason) -> None:
        shown = [
            f"{each.field}: {each.rule}" + (f" ({each.value})" if each.value else "") for each in reasons
        ]
        super().__init__(f"{name}: {'; '.join(shown)}")
        self.reasons = reasons
        self.lines = [f"{name}: {shown[0]}", *shown[1:]] if shown else [name]


class ResumeError(PublishError):
    """A checkpoint cannot be gone on from; says what can be done instead."""


class BadMessageError(PublishError):
    """Pub/Sub would refuse the message, and every other one that travels with it; carries every rule broken."""

    def __init__(self, *rules: str) -> None:
        super().__init__("; ".join(rules))
        self.rules = rules


class BadOutboxError(PublishError):
    """The outbox cannot be used, for the error that SQLite or the system gave or for a reason of ours."""

    def __init__(self, path: Path, why: str | Exception) -> None:
        said = why.strerror if isinstance(why, OSError) and why.strerror else why
        super().__init__(f"{path}: {said}")


class OutboxFullError(PublishError):
    """The reading was not stored: the outbox holds as much as it may."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is full: {why}")


class StillStoredError(PublishError):
    """Messages wait in the outbox still; they are sent as soon as they can be."""

    def __init__(self, count: int, cause: PublishError | None) -> None:
        why = f": {cause}" if cause else ""
        super().__init__(f"{count} {'message waits' if count == 1 else 'messages wait'} in the outbox{why}")


class ClosedError(PublishError):
    """The publisher was closed before."""


class ForkedError(PublishError):
    """A message was handed over before this process was forked."""

    def __init__(self) -> None:
        super().__init__(
            "the message was handed over before this process was forked: ask for its answer in the parent process, "
            "and publish anew here"
        )


class RefusedError(PublishError):
    """Pub/Sub refused the request that the message travelled in."""


class NoSuchTopicError(PublishError):
    """The topic does not exist at that address."""

    hopeless = True

    def __init__(self, topic: str, address: str) -> None:
        super().__init__(f"there is no topic {topic} at {address}")


class NotAllowedError(PublishError):
    """No credentials were found, or they do not suffice."""

    hopeless = True


class UnreachableError(PublishError):
    """No connection to the address could be made."""

    hopeless = True

    def __init__(self, address: str, timeout_s: float) -> None:
        super().__init__(f"cannot reach {address} (tried for {timeout_s:g} s)")
        self.address = address


class UnansweredError(PublishError):
    """No answer came in time; whether the message was published is unknown: send it again under its reading_id."""

    hopeless = True
