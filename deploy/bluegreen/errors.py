"""What ends a release.

Stopped
├── Unfit        the green revision fails a test or a limit: roll back
├── CommandFailed gcloud refused or failed
└── Interrupted  somebody ended the release
"""

from __future__ import annotations


class Stopped(Exception):  # noqa: N818  it names what became of the release
    """The release does not go on; the sentence says why."""


class Unfit(Stopped):
    """The green revision must not get traffic."""


class CommandFailed(Stopped):
    """A command of gcloud ended with another exit code than 0."""


class Interrupted(Stopped):
    """A signal ended the release."""
