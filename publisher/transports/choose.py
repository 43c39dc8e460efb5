"""The choice of a wire: Google's client where it is installed, else REST."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rookery.publisher.settings import PublisherSettings
    from rookery.publisher.transports.protocol import Transport


def transport_to(topic: str, settings: PublisherSettings) -> Transport:
    """Choose the transport to a topic as the settings say; nothing is connected yet.

    Google's client costs 0.3 s to import, and a small device does not have it: it is imported only where it is used.
    """
    if settings.wire == "rest" or (settings.wire == "auto" and not _grpc_is_here()):
        from rookery.publisher.transports.rest import RestTransport  # noqa: PLC0415  see above

        return RestTransport(topic, settings)
    from rookery.publisher.transports.pubsub import PubSubTransport  # noqa: PLC0415  see above

    return PubSubTransport(topic, settings)


def _grpc_is_here() -> bool:
    try:
        return importlib.util.find_spec("google.cloud.pubsub_v1") is not None
    except ModuleNotFoundError:
        return False
