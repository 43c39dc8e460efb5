"""Errors that end a release.

ReleaseError
├── UnhealthyRevisionError   the green revision fails a test or a limit: roll back
├── GcloudError              gcloud or an API of Google refused or failed
└── InterruptedReleaseError  a signal ended the release
"""

from __future__ import annotations


class ReleaseError(Exception):
    """The release does not go on; the sentence says why."""


class UnhealthyRevisionError(ReleaseError):
    """The green revision must not get traffic."""


class GcloudError(ReleaseError):
    """A command of gcloud or a call of an API of Google failed."""


class InterruptedReleaseError(ReleaseError):
    """A signal ended the release."""
