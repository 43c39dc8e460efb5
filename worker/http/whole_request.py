"""WholeRequest: a request that arrived whole, plain and admitted, as handlers get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from rookery.worker.http.wire.request_head import RequestHead


class WholeRequest(Struct, frozen=True):
    """The head of a request and its body, unpacked."""

    head: RequestHead
    body: bytes = b""

    @property
    def headers(self) -> dict[str, str]:
        """Headers by their lower-case names; bytes that are no UTF-8 are kept as surrogates. Of one that is repeated, the last."""
        return {
            name.decode("latin-1").lower(): value.decode("utf-8", "surrogateescape")
            for name, value in self.head.headers
        }
