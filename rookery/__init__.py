"""Rookery: classify streams of tabular readings, event by event, without losing one.

The public names are imported when they are first asked for, so that a device that publishes readings imports
neither numpy nor the command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rookery.frames.models import adopt, train
    from rookery.frames.prediction import predict
    from rookery.frames.publishing import publish_frame
    from rookery.frames.results import read_predictions, read_rejections
    from rookery.publisher.async_client import AsyncReadingPublisher
    from rookery.publisher.client import ReadingPublisher, new_reading_id
    from rookery.publisher.settings import PublisherSettings
    from rookery.schemas.reading import Reading
    from rookery.schemas.table import ReadingTable

    __version__: str

__all__ = [
    "AsyncReadingPublisher",
    "PublisherSettings",
    "Reading",
    "ReadingPublisher",
    "ReadingTable",
    "__version__",
    "adopt",
    "new_reading_id",
    "predict",
    "publish_frame",
    "read_predictions",
    "read_rejections",
    "train",
]

_HOMES: Final = {
    "AsyncReadingPublisher": "rookery.publisher.async_client",
    "PublisherSettings": "rookery.publisher.settings",
    "Reading": "rookery.schemas.reading",
    "ReadingPublisher": "rookery.publisher.client",
    "ReadingTable": "rookery.schemas.table",
    "adopt": "rookery.frames.models",
    "new_reading_id": "rookery.publisher.client",
    "predict": "rookery.frames.prediction",
    "publish_frame": "rookery.frames.publishing",
    "read_predictions": "rookery.frames.results",
    "read_rejections": "rookery.frames.results",
    "train": "rookery.frames.models",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module; raises AttributeError for any other."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415  only a caller who asks needs the metadata

        return version("rookery")
    if name not in _HOMES:
        raise AttributeError(f"module 'rookery' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
