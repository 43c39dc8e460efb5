"""Token: the access token for Google's own Pub/Sub, fresh whenever it is asked for."""

from __future__ import annotations

import os
from typing import Any, Final

_SCOPE: Final = "https://www.googleapis.com/auth/pubsub"


class AccessToken:
    """Application-default credentials, refreshed as they expire; ROOKERY_ACCESS_TOKEN wins, and lasts an hour."""

    def __init__(self) -> None:
        self._credentials: Any = None

    def __call__(self) -> str:
        """Give a token; raises google.auth.exceptions.GoogleAuthError where there are no credentials."""
        if given := os.environ.get("ROOKERY_ACCESS_TOKEN"):
            return given
        # Only a run against production pays for these.
        import google.auth  # noqa: PLC0415  see above
        import google.auth.transport.requests  # noqa: PLC0415  see above

        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[_SCOPE])
        if not self._credentials.valid:
            self._credentials.refresh(google.auth.transport.requests.Request())
        return str(self._credentials.token)
