"""`python -m rookery.broker`: the embedded Pub/Sub as a process of its own."""

from __future__ import annotations

import signal

# Ctrl-C amid the imports ends the process without a traceback; `rookery broker` starts it with SIGINT blocked.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
if hasattr(signal, "pthread_sigmask"):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

import argparse
import asyncio
import gc
import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rookery.broker.faults import FaultShares
from rookery.broker.log_lines import OneLine
from rookery.broker.scheduling.push_window import MOST_PUSHES
from rookery.broker.storage.errors import BrokerStoreError
from rookery.broker.storage.folder import default_folder

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from rookery.broker.server import EmbeddedBroker

_GC_THRESHOLDS: Final = (50_000, 20, 50)
"""A backlog is many long-lived objects without circles: looking through them often finds nothing."""
_EXAMPLE: Final = """example:
  python -m rookery.broker --port 8085 &
  export PUBSUB_EMULATOR_HOST=127.0.0.1:8085
  curl -X PUT http://127.0.0.1:8085/v1/projects/demo/topics/readings

Fault injection, the same each time: --seed 7 --duplicate 0.01 --reorder 0.05 --lost-ack 0.01
Exit codes: 0 ended by a signal, 2 bad options, or the address or the store cannot be had."""
_MOST_NAMED: Final = 5
_STORE_GIB: Final = 10


def main() -> int:
    """Run until SIGTERM or SIGINT; gives the exit code."""
    options = _parser().parse_args()
    _log_to_stderr()
    try:
        faults = FaultShares(
            options.seed, options.duplicate, options.delay, options.reorder, options.lost_ack
        )
        return _run(_serve(options, faults))
    except (ValueError, OSError, BrokerStoreError) as error:
        print(f"broker: {error}", file=sys.stderr)  # noqa: T201  the one line of the command
        return 2


def _log_to_stderr() -> None:
    """Write warnings and errors of every part in one line each."""
    handler = logging.StreamHandler()
    handler.addFilter(OneLine())
    logging.basicConfig(format="broker: %(message)s", handlers=[handler])


def _run(serving: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where there is one (not on Windows): a push costs it a third less."""
    try:
        import uvloop  # noqa: PLC0415  --help and bad options need no loop
    except ImportError:
        return asyncio.run(serving)
    return uvloop.run(serving)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rookery.broker",
        description="Pub/Sub for one machine: gRPC and REST on one address, push by production's rules.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8085, help="0: any free one (default: %(default)s)")
    parser.add_argument("--ready-file", type=Path, help="write HOST:PORT here once ready")
    parser.add_argument(
        "--most-pushes",
        type=_count,
        default=MOST_PUSHES,
        metavar="N",
        help="pushes in flight at once, for each subscription (default: %(default)s)",
    )
    _add_store_options(parser)
    faults = parser.add_argument_group("faults", "what at-least-once delivery allows, seeded")
    faults.add_argument("--seed", type=int, default=0, help="the same seed gives the same faults")
    faults.add_argument(
        "--duplicate", type=float, default=0.0, metavar="SHARE", help="share sent twice, 0 to 1"
    )
    faults.add_argument(
        "--delay", type=float, default=0.0, metavar="SECONDS", help="hold each back up to so long"
    )
    faults.add_argument(
        "--reorder", type=float, default=0.0, metavar="SHARE", help="share overtaken by later ones"
    )
    faults.add_argument(
        "--lost-ack", type=float, default=0.0, metavar="SHARE", help="share of acks forgotten"
    )
    return parser


def _add_store_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("store", "what survives the broker").add_mutually_exclusive_group()
    group.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="keep topics, subscriptions and messages here (default: rookery/broker in the user's data folder)",
    )
    group.add_argument("--memory", action="store_true", help="keep everything in memory only")
    parser.add_argument(
        "--max-store-gib",
        type=_count,
        default=_STORE_GIB,
        metavar="N",
        help="size of the store beyond which publishing is refused (default: %(default)s)",
    )


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:  # noqa: PLR2004  the range of ports
        raise argparse.ArgumentTypeError(f"{port} is no port")
    return port


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


async def _serve(options: argparse.Namespace, faults: FaultShares) -> int:
    from rookery.broker.server import EmbeddedBroker  # noqa: PLC0415  --help and bad options need not wait a second for grpc

    gc.set_threshold(*_GC_THRESHOLDS)
    data = None if options.memory else options.data or default_folder()
    async with EmbeddedBroker(
        options.host,
        options.port,
        faults=faults,
        most_pushes=options.most_pushes,
        data=data,
        max_bytes=options.max_store_gib * 1_024**3,
    ) as broker:
        with _stop_signals() as stopped:
            place = f"messages in {data}" if data is not None else "messages in memory only"
            print(f"broker: Pub/Sub on {broker.address} (gRPC and REST), {place}", file=sys.stderr)  # noqa: T201  the one line that it says at start
            if options.ready_file:
                _announce(options.ready_file, broker.address)
            gc.collect()
            gc.freeze()
            await _ended(stopped, broker)
    if broker.unacknowledged:
        print(_farewell(broker.unacknowledged, data), file=sys.stderr)  # noqa: T201  its last words
    return 0


async def _ended(stopped: asyncio.Future[None], broker: EmbeddedBroker) -> None:
    """Wait for a signal; raises StoreDamagedError where the store is found damaged before."""
    if broker.store is None:
        await stopped
        return
    await asyncio.wait((stopped, broker.store.failed), return_when=asyncio.FIRST_COMPLETED)
    if broker.store.failed.done():
        raise broker.store.failed.result()


def _farewell(held: dict[str, int], data: Path | None) -> str:
    """Count the unacknowledged messages, and name the subscriptions that held most of them."""
    most = sorted(held, key=lambda name: held[name], reverse=True)
    named = [f"{held[name]} of {name}" for name in most[:_MOST_NAMED]]
    if len(most) > _MOST_NAMED:
        named.append(f"the others of {len(most) - _MOST_NAMED} more subscriptions")
    fate = "and gone with it" if data is None else f"and kept in {data}"
    return f"broker: ended; messages not acknowledged, {fate}: {sum(held.values())} ({', '.join(named)})"


@contextmanager
def _stop_signals() -> Iterator[asyncio.Future[None]]:
    """Give a future that SIGTERM and SIGINT fulfil."""
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()

    def stop() -> None:
        if not stopped.done():
            stopped.set_result(None)

    signals = (signal.SIGTERM, signal.SIGINT)
    for each in signals:
        loop.add_signal_handler(each, stop)
    try:
        yield stopped
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


def _announce(path: Path, address: str) -> None:
    """Write the address atomically, so that no reader sees half of it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(address)
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
