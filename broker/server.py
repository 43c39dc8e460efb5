"""The broker as a whole: built bottom up, closed top down."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

import grpc
from aiohttp import web

from rookery.broker.delivery.push import Pusher
from rookery.broker.delivery.token_signer import TokenSigner
from rookery.broker.log_lines import OneLine
from rookery.broker.protocol_mux import ProtocolMux
from rookery.broker.restore import restore
from rookery.broker.scheduling.push_window import MOST_PUSHES
from rookery.broker.service.catalogue import Catalogue
from rookery.broker.service.expiration import expire_for_ever
from rookery.broker.service.grpc_api import GrpcApi
from rookery.broker.service.rest_api import RestApi
from rookery.broker.storage.store import MAX_STORE_BYTES, MessageStore
from rookery.broker.storage.stored_log import StoredLog
from rookery.broker.topics.topic_log import MemoryLog
from rookery.broker.topics.topic_router import TopicRouter

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from rookery.broker.faults import FaultShares

log: Final = logging.getLogger(__name__)
log.addFilter(OneLine())

_GRACE_SECONDS: Final = 0.5
"""Grace period of requests in progress when the broker closes."""
_GRPC_OPTIONS: Final = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # The way to this machine needs no measuring: each probe would be two more frames for every request.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 8 * 1_024**2),
)


class EmbeddedBroker:
    """Pub/Sub on `host`:`port` while the context is open (port 0: any free one).

    With a folder in `data`, topics, subscriptions and messages are kept there, in at most `max_bytes`, and survive the
    process. Without one, everything is in memory.
    `most_pushes` bounds the pushes in flight of each subscription, since each takes a connection of this machine.
    Raises OSError on entering where the port cannot be had, BrokerStoreError where the folder cannot. Once it is
    closed, `unacknowledged` has the number of messages that were not acknowledged, by subscription.
    """

    def __init__(  # noqa: PLR0913  a composition root's choices, most of them by keyword
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        faults: FaultShares | None = None,
        most_pushes: int = MOST_PUSHES,
        data: Path | None = None,
        max_bytes: int = MAX_STORE_BYTES,
    ) -> None:
        self._host = host
        self._port = port
        self._faults = faults
        self._most_pushes = most_pushes
        self.store = MessageStore(data, max_bytes=max_bytes) if data is not None else None
        self._stack = AsyncExitStack()
        self.unacknowledged: dict[str, int] = {}

    @property
    def address(self) -> str:
        """HOST:PORT, as PUBSUB_EMULATOR_HOST wants it."""
        return f"{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self, stack: AsyncExitStack) -> None:
        if self.store is not None:
            await stack.enter_async_context(self.store)
        signer = TokenSigner(time.time)
        pusher = await stack.enter_async_context(Pusher(signer))
        now = time.time()
        # Message ids begin at the microsecond of the start, so that a restarted broker repeats none.
        first_id = int(now * 1e6) if self.store is None else self.store.config.first_id(int(now * 1e6))
        router = TopicRouter(
            faults=self._faults,
            most_pushes=self._most_pushes,
            epoch=now - time.monotonic(),
            first_id=first_id,
            log=partial(StoredLog, store=self.store) if self.store is not None else MemoryLog,
        )
        self.catalogue = Catalogue(router, pusher=pusher, clock=time.monotonic, store=self.store)
        stack.push_async_callback(self._forget)
        if self.store is not None:
            restore(self.catalogue, self.store)
        expiring = asyncio.create_task(expire_for_ever(self.catalogue), name="expiration")
        stack.callback(expiring.cancel)
        grpc_port = await self._serve_grpc(stack)
        # A puller that disconnects must not take a message along: cancellation of its handler gives it back.
        rest = web.AppRunner(
            RestApi(self.catalogue, signer).app(self._host),
            access_log=None,
            shutdown_timeout=_GRACE_SECONDS,
            handler_cancellation=True,
            logger=log,
        )
        await rest.setup()
        stack.push_async_callback(rest.cleanup)
        await self._listen(stack, rest, grpc_port)

    async def _serve_grpc(self, stack: AsyncExitStack) -> int:
        server = grpc.aio.server(options=_GRPC_OPTIONS)
        server.add_generic_rpc_handlers((GrpcApi(self.catalogue),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, _GRACE_SECONDS)
        return port

    async def _listen(self, stack: AsyncExitStack, rest: web.AppRunner, grpc_port: int) -> None:
        handlers = rest.server
        if handlers is None:
            raise RuntimeError("the REST door is not set up")
        fresh: set[asyncio.Transport] = set()
        try:
            server = await asyncio.get_running_loop().create_server(
                lambda: ProtocolMux(handlers, grpc_port, fresh), self._host, self._port
            )
        except OSError as error:
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else error.strerror
            raise OSError(f"cannot listen on {self._host}:{self._port}: {reason}") from error
        self._port = server.sockets[0].getsockname()[1]

        def close() -> None:
            server.close()
            for transport in list(fresh):
                transport.abort()

        stack.callback(close)

    async def _forget(self) -> None:
        standings = self.catalogue.standings().items()
        held = {name: each.outstanding + each.backlog for name, each in standings}
        self.unacknowledged = {name: count for name, count in held.items() if count}
        # After the changes in progress: one that ends later would start what nothing closes.
        await self.catalogue.changes.run(self.catalogue.close())
