"""Daemon call: a blocking call in a thread of its own, which the process does not wait for when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

from rookery.worker.runtime.thread_priority import give_way

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def in_daemon(call: Callable[[], Result], name: str) -> asyncio.Future[Result]:
    """Call in a daemon thread of this name, and give a future of what it returns or raises.

    A thread of an executor that hangs would be waited for by the loop, and by the interpreter, as they end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: Exception | None) -> None:
        if answer.cancelled():
            return
        if error is None:
            answer.set_result(result)  # type: ignore[arg-type]  # None only where the call returned it
        else:
            answer.set_exception(error)

    def run() -> None:
        give_way()
        result, error = None, None
        try:
            result = call()
        except Exception as raised:  # noqa: BLE001  the future raises it
            error = raised
        # The loop may be gone by then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer
