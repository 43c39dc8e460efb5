"""GoogleApis: read-only requests to Google's REST APIs with the caller's own credentials."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

from google.auth import default
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_OVERRIDE: Final = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
"""gcloud's own variables for other addresses of its APIs begin so; deploy/release honours them too."""

_TIMEOUT_S: Final = 10.0


class ApiUnreachableError(Exception):
    """No credentials, or no answer; the message says which."""


class ApiDeniedError(Exception):
    """An API answered, and refused; the message is its own."""


class GoogleApis:
    """Google's APIs by their short names (`run`, `iam`, ...); a context manager."""

    def __enter__(self) -> Self:
        try:
            credentials, _ = default(scopes=[_SCOPE])
        except GoogleAuthError as error:
            raise ApiUnreachableError(f"there are no credentials: {error}") from None
        self._session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # google-auth has no types
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()  # type: ignore[no-untyped-call]

    def get(self, api: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return the answer to a GET, None for 404; raises ApiUnreachableError or ApiDeniedError."""
        return self._asked(api, "GET", path, params=query)

    def post(self, api: str, path: str, body: Mapping[str, object]) -> Any:
        """Return the answer to a POST, None for 404; raises ApiUnreachableError or ApiDeniedError."""
        return self._asked(api, "POST", path, json=body)

    def _asked(self, api: str, method: str, path: str, **request: Any) -> Any:
        address = os.environ.get(f"{_OVERRIDE}{api.upper()}", f"https://{api}.googleapis.com/")
        url = f"{address.rstrip('/')}/{quote(path, safe='/:@')}"
        try:
            answer = self._session.request(method, url, timeout=_TIMEOUT_S, **request)  # type: ignore[no-untyped-call]
        except (GoogleAuthError, RequestException) as error:
            raise ApiUnreachableError(f"{api}.googleapis.com cannot be asked: {error}") from None
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        if not answer.ok:
            raise ApiDeniedError(f"{api}.googleapis.com answers {answer.status_code}: {_said(answer)}")
        return answer.json()


def _said(answer: Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (KeyError, TypeError, ValueError):
        return answer.reason
