"""GoogleApi: calls of a Google API that gcloud has no command for, with gcloud's own token."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from bluegreen.errors import GcloudError
from bluegreen.web import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluegreen.gcloud import Gcloud

_OK: Final = 200
_OVERRIDE: Final = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
"""gcloud's own variables for other addresses of its APIs begin so."""


@dataclass(frozen=True, slots=True)
class GoogleApi:
    """One API by its short name, such as `monitoring`; a dry run only prints its requests."""

    gcloud: Gcloud
    name: str

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """Give the answer to a GET, an empty object in a dry run; raises GcloudError."""
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Give the answer to a POST, an empty object in a dry run; raises GcloudError."""
        return self._call("POST", path, json.dumps(body).encode())

    def patch(self, path: str, query: Mapping[str, str], body: Mapping[str, object]) -> Any:
        """Give the answer to a PATCH, an empty object in a dry run; raises GcloudError."""
        return self._call("PATCH", f"{path}?{urlencode(query)}", json.dumps(body).encode())

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        address = os.environ.get(f"{_OVERRIDE}{self.name.upper()}", f"https://{self.name}.googleapis.com/")
        url = f"{address.rstrip('/')}/{path}"
        token = self.gcloud.token()
        if self.gcloud.dry:
            print("+", method, url)  # noqa: T201  a dry run says what it would do
            return {}
        answer = ask(method, url, body=body, token=token)
        if answer.status != _OK:
            raise GcloudError(f"{self.name} answered HTTP {answer.status}: {answer.body[:200]!r}")
        return answer.json()
