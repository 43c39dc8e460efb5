"""Opening: from the addresses in the settings to sinks that can be written to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from msgspec import Struct

from rookery.schemas.output.extras import install_hint
from rookery.schemas.output.permissions import file_mode
from rookery.schemas.parsing.address import split_address
from rookery.worker.errors import MisconfiguredError
from rookery.worker.sinks.coalescing import CoalescingSink, RateLimit
from rookery.worker.sinks.fan_out import FanOut
from rookery.worker.sinks.folder import FolderSink
from rookery.worker.sinks.gcs import GcsSink
from rookery.worker.sinks.parquet_folder import ParquetFolderSink
from rookery.worker.sinks.pubsub import PubSubSink
from rookery.worker.sinks.watched import WatchedSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack
    from urllib.parse import SplitResult

    from rookery.worker.settings import SinkSettings
    from rookery.worker.sinks.protocol import Sink


class Sinks(Struct, frozen=True):
    """Both sinks, open, and every place that they write to.

    `coalesces` says that they coalesce blocks, so that the next batch need not wait for a write, `named` that one addresses
    blocks by their key, `columnar` that one writes predictions in columns.
    """

    results: Sink
    rejects: Sink
    coalesces: bool
    named: bool
    columnar: bool
    places: Sequence[WatchedSink]

    def hurry(self) -> None:
        """Write what blocks wait for without their pace: the worker drains."""
        for sink in (self.results, self.rejects):
            if isinstance(sink, CoalescingSink):
                sink.hurry()


async def open_sinks(stack: AsyncExitStack, settings: SinkSettings) -> Sinks:
    """Open both sinks; the stack closes them. Raises MisconfiguredError with what is needed, or SinkUnavailable."""
    results = _addresses("ROOKERY_RESULTS", settings.results)
    rejects = _addresses("ROOKERY_REJECTS", settings.rejects)
    columnar = settings.results_format == "parquet"
    if columnar:
        _hold_columns(results)
    # One remote sink is enough for both to coalesce: a batch must not wait for either.
    named = any(each.scheme != "file" for each in (*results, *rejects))
    coalesces = named or columnar
    to_results = await _places(stack, results, settings, kind="results", columnar=columnar)
    to_rejects = await _places(stack, rejects, settings, kind="rejections", columnar=False)
    return Sinks(
        results=_together(
            stack, to_results, _pace(results, settings, columnar=columnar) if coalesces else None
        ),
        rejects=_together(stack, to_rejects, _pace(rejects, settings, columnar=False) if coalesces else None),
        coalesces=coalesces,
        named=named,
        columnar=columnar,
        places=[*to_results, *to_rejects],
    )


def _hold_columns(addresses: Sequence[SplitResult]) -> None:
    """Raise MisconfiguredError unless columns can be written somewhere, by what is installed."""
    if all(each.scheme == "pubsub" for each in addresses):
        raise MisconfiguredError(
            "ROOKERY_RESULTS_FORMAT=parquet: a topic takes lines; a folder or a bucket is needed in ROOKERY_RESULTS"
        )
    try:
        # All that the first file needs: later a thread of low priority would import it.
        import pyarrow.parquet  # noqa: PLC0415  an extra of its own
    except ImportError as error:
        hint = install_hint(error.name)
        raise MisconfiguredError(f"ROOKERY_RESULTS_FORMAT=parquet needs pyarrow: {hint}") from None
    # The first array imports pandas, where that is installed: a busy machine takes longer than the first flush may.
    pyarrow.array([])


async def _places(
    stack: AsyncExitStack,
    addresses: Sequence[SplitResult],
    settings: SinkSettings,
    *,
    kind: str,
    columnar: bool,
) -> list[WatchedSink]:
    opened = []
    for address in addresses:
        sink = _sink(address, settings, columnar=columnar)
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


def _pace(addresses: Sequence[SplitResult], settings: SinkSettings, *, columnar: bool) -> RateLimit:
    """Objects are billed one by one; in a folder, blocks that arrive during a sync share the next one."""
    schemes = {each.scheme for each in addresses}
    if "gs" in schemes:
        return RateLimit(interval_seconds=settings.flush_interval_seconds, enough_lines=settings.flush_rows)
    if columnar:
        # Blocks that arrive while a file is written are in the next one.
        return RateLimit(
            interval_seconds=settings.flush_interval_seconds, enough_lines=settings.flush_rows, at_once=1
        )
    return RateLimit(at_once=1) if schemes == {"file"} else RateLimit()


def _sink(
    address: SplitResult, settings: SinkSettings, *, columnar: bool
) -> FolderSink | ParquetFolderSink | GcsSink | PubSubSink:
    path = unquote(address.path)
    if address.scheme == "gs":
        timeout = settings.write_timeout_seconds
        return GcsSink(address.netloc, path, write_timeout_seconds=timeout, parquet=columnar)
    if address.scheme == "pubsub":
        topic = f"projects/{address.netloc}/topics/{path.strip('/')}"
        return PubSubSink(topic, write_timeout_seconds=settings.write_timeout_seconds)
    # file://./relative is no standard URI, but what people write.
    where = Path(address.netloc.removeprefix("localhost") + path)
    mode = file_mode(settings.file_mode)
    return ParquetFolderSink(where, mode=mode) if columnar else FolderSink(where, mode=mode)


def _addresses(name: str, written: str) -> list[SplitResult]:
    """Read addresses, separated by commas; raises MisconfiguredError naming each that cannot be used."""
    addresses = [split_address(each.strip()) for each in written.split(",") if each.strip()]
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
