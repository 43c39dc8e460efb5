"""Topic names: `readings` and a project, or `projects/PROJECT/topics/TOPIC`."""

from __future__ import annotations

import re
from typing import Final

from rookery.publisher.errors import BadTopicError

LOCAL_PROJECT: Final = "rookery-local"
"""The project of one machine; it has no Google behind it, so that its topics are sought at LOCAL_BROKER."""

LOCAL_BROKER: Final = "127.0.0.1:8085"
LOCAL_TOPIC: Final = f"projects/{LOCAL_PROJECT}/topics/readings"

_FULL: Final = re.compile(r"projects/(?P<project>[^/\s]+)/topics/(?P<topic>[^/\s]+)")
_TOPIC: Final = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")


def topic_path(name: str, project: str | None = None) -> str:
    """Complete a topic's name; raises BadTopicError.

    A short name needs the project, a full one must not contradict it.
    """
    full = _FULL.fullmatch(name)
    if full is None and "/" in name:
        raise BadTopicError(name, "projects/PROJECT/topics/TOPIC is needed")
    owner, topic = (full["project"], full["topic"]) if full else (project, name)
    if not owner:
        raise BadTopicError(name, "its project is needed too")
    if project and owner != project:
        raise BadTopicError(name, f"it belongs to project {owner}, not to {project}")
    if not _TOPIC.fullmatch(topic):
        raise BadTopicError(
            name, "3 to 255 letters, digits and -._~+% are needed, a letter first, never goog"
        )
    return f"projects/{owner}/topics/{topic}"


def is_local(topic: str) -> bool:
    """Whether a full topic name belongs to the project of one machine."""
    return topic.startswith(f"projects/{LOCAL_PROJECT}/")
