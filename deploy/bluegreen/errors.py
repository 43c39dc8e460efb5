"""Errors that end a release.

ReleaseError
├── UnhealthyRevisionError   the green revision fails a test or a limit: roll back
├── GcloudError              gcloud refused or failed
└── InterruptedReleaseError  a signal ended the release
"""

from __future__ import annotations


class ReleaseError(Exception):
    """The release does not go on; the sentence says why."""


class UnhealthyRevisionError(ReleaseError):
    """The green revision must not get traffic."""


class GcloudError(ReleaseError):
    """A command of gcloud ended with another exit code than 0."""


class InterruptedReleaseError(ReleaseError):
    """A signal ended the release."""
