"""Opening: from the addresses in the settings to sinks that can be written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from rookery.schemas.output.permissions import file_mode
from rookery.worker.errors import MisconfiguredError
from rookery.worker.sinks.coalescing import CoalescingSink, RateLimit
from rookery.worker.sinks.fan_out import FanOut
from rookery.worker.sinks.folder import FolderSink
from rookery.worker.sinks.gcs import GcsSink
from rookery.worker.sinks.pubsub import PubSubSink
from rookery.worker.sinks.watched import WatchedSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack
    from urllib.parse import SplitResult

    from rookery.worker.settings import SinkSettings
    from rookery.worker.sinks.protocol import Sink


@dataclass(frozen=True, slots=True)
class Sinks:
    """Both sinks, open, and every place that they write to.

    `coalesces` says that they coalesce blocks, so that the next batch need not wait for a write.
    """

    results: Sink
    rejects: Sink
    coalesces: bool
    places: Sequence[WatchedSink]


async def open_sinks(stack: AsyncExitStack, settings: SinkSettings) -> Sinks:
    """Open both sinks; the stack closes them. Raises MisconfiguredError with what is needed, or SinkUnavailable."""
    results = _addresses("ROOKERY_RESULTS", settings.results)
    rejects = _addresses("ROOKERY_REJECTS", settings.rejects)
    # One remote sink is enough for both to coalesce: a batch must not wait for either.
    coalesces = any(each.scheme != "file" for each in (*results, *rejects))
    to_results = await _places(stack, results, settings, kind="results")
    to_rejects = await _places(stack, rejects, settings, kind="rejections")
    return Sinks(
        results=_together(stack, to_results, _pace(results, settings) if coalesces else None),
        rejects=_together(stack, to_rejects, _pace(rejects, settings) if coalesces else None),
        coalesces=coalesces,
        places=[*to_results, *to_rejects],
    )


async def _places(
    stack: AsyncExitStack, addresses: Sequence[SplitResult], settings: SinkSettings, *, kind: str
) -> list[WatchedSink]:
    opened = []
    for address in addresses:
        sink = _sink(address, settings)
        stack.push_async_callback(sink.close)
        await sink.open()
        # A folder that cannot be written to does not open: no later try would fare better. A service may.
        works = address.scheme == "file"
        opened.append(WatchedSink(sink, kind, works=works, hang_seconds=settings.ack_deadline_seconds))
    return opened


def _together(stack: AsyncExitStack, places: Sequence[WatchedSink], pace: RateLimit | None) -> Sink:
    together = places[0] if len(places) == 1 else FanOut(places)
    if pace is None:
        return together
    coalescing = CoalescingSink(together, pace)
    stack.push_async_callback(coalescing.close)
    return coalescing


def _pace(addresses: Sequence[SplitResult], settings: SinkSettings) -> RateLimit:
    """Objects are billed one by one; in a folder, blocks that arrive during a sync share the next one."""
    schemes = {each.scheme for each in addresses}
    if "gs" in schemes:
        return RateLimit(interval_seconds=settings.flush_interval_seconds, enough_lines=settings.flush_rows)
    return RateLimit(at_once=1) if schemes == {"file"} else RateLimit()


def _sink(address: SplitResult, settings: SinkSettings) -> FolderSink | GcsSink | PubSubSink:
    path = unquote(address.path)
    if address.scheme == "gs":
        return GcsSink(address.netloc, path, write_timeout_seconds=settings.write_timeout_seconds)
    if address.scheme == "pubsub":
        topic = f"projects/{address.netloc}/topics/{path.strip('/')}"
        return PubSubSink(topic, write_timeout_seconds=settings.write_timeout_seconds)
    # file://./relative is no standard URI, but what people write.
    where = Path(address.netloc.removeprefix("localhost") + path)
    return FolderSink(where, mode=file_mode(settings.file_mode))


def _addresses(name: str, written: str) -> list[SplitResult]:
    """Read addresses, separated by commas; raises MisconfiguredError naming each that cannot be used."""
    addresses = [urlsplit(each.strip()) for each in written.split(",") if each.strip()]
    wrong = [each.geturl() for each in addresses if not _usable(each)]
    if not addresses or wrong:
        forms = " or ".join(_FORMS)
        raise MisconfiguredError(f"{name}={', '.join(wrong)}: {forms} is needed, or several with commas")
    return addresses


def _usable(address: SplitResult) -> bool:
    match address.scheme:
        case "file":
            return address.netloc in {"", "localhost", "."} and address.path not in {"", "/"}
        case "gs":
            return bool(address.netloc)
        case "pubsub":
            topic = address.path.strip("/")
            return bool(address.netloc and topic) and "/" not in topic
    return False


_FORMS: Final = (
    "file:///var/lib/rookery/results",
    "gs://bucket/prefix",
    "pubsub://project/topic",
)
