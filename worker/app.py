"""The composition root: chooses the concrete parts, serves, and drains in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from rookery.schemas.atomic_file import write_atomically
from rookery.schemas.output.extras import install_hint
from rookery.worker.auth.host_policy import host_policy
from rookery.worker.auth.policy import insecure_settings, loopback
from rookery.worker.batching.batcher import QueueLimits
from rookery.worker.batching.deduplication import DeduplicationWindow
from rookery.worker.errors import MisconfiguredError
from rookery.worker.http.admission import Admission
from rookery.worker.http.contract_pages import ContractPages
from rookery.worker.http.endpoints import Endpoints
from rookery.worker.http.fast_path import HttpProtocol
from rookery.worker.http.handlers import PushHandler
from rookery.worker.http.health import HealthEndpoints
from rookery.worker.http.listening import address_of, listen
from rookery.worker.http.router import Router
from rookery.worker.http.wire.connections import ConnectionRegistry
from rookery.worker.http.wire.head_cache import RequestHeadCache
from rookery.worker.models.cache import ModelCache
from rookery.worker.models.choose import source_of
from rookery.worker.models.refresher import ModelRefresher
from rookery.worker.models.source import ModelAddressError
from rookery.worker.observability.batch_log import BatchLog
from rookery.worker.observability.drift import Drift
from rookery.worker.observability.health import Health
from rookery.worker.observability.logging import on_failure
from rookery.worker.observability.metrics import Metrics
from rookery.worker.parts import PipelineParts
from rookery.worker.pipeline import Pipeline
from rookery.worker.pull.leases import LONGEST_SECONDS
from rookery.worker.pull.subscriber import PullSubscriber
from rookery.worker.runtime.cpus import cpus
from rookery.worker.runtime.stopping import UNFINISHED, leave, stop_signal
from rookery.worker.runtime.thread_priority import give_way
from rookery.worker.settings import SHIPPED_MODEL
from rookery.worker.sinks.factory import open_sinks
from rookery.worker.sinks.nack_log import NackLog
from rookery.worker.sinks.sink_health import SinkHealth

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable

    from rookery.worker.auth.policy import Authenticator
    from rookery.worker.inference.xgboost_classifier import XGBoostClassifier
    from rookery.worker.observability.observer import BatchObserver
    from rookery.worker.settings import Settings
    from rookery.worker.sinks.factory import Sinks

log: Final = logging.getLogger(__name__)

GARBAGE: Final = (50_000, 50, 100)
"""Thresholds of the garbage collector: a push leaves no cycles, so looking for them at every 700th object only stalls."""

SPARE_THREADS: Final = 4
"""Threads beyond one a CPU, for what waits for a disk or a network."""

_CLOSE_SECONDS: Final = 1.0
"""Time for handlers to give their answers, after the drain."""


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was taken; raises MisconfiguredError, NoModelError, SinkUnavailableError."""

    def ready(address: str) -> None:
        if settings.ready_file is not None:
            write_atomically(settings.ready_file, address.encode(), sync=False)
        log.info("ready", extra={"address": address, "revision": settings.revision})

    with stop_signal(settings.drain_seconds) as stopping:
        threads = own_threads()
        async with running(settings, ready=ready):
            await stopping.wait()
            log.info("draining", extra={"drain_seconds": settings.drain_seconds})
    log.info("stopped")
    threads.shutdown(wait=False, cancel_futures=True)


def own_threads() -> ThreadPoolExecutor:
    """Bound the threads that the running loop hands work to by the container's CPUs, not the host's; they give way to it."""
    threads = ThreadPoolExecutor(cpus() + SPARE_THREADS, thread_name_prefix="worker", initializer=give_way)
    asyncio.get_running_loop().set_default_executor(threads)
    return threads


@asynccontextmanager
async def running(settings: Settings, *, ready: Callable[[str], None] = lambda _: None) -> AsyncIterator[str]:
    """Run a worker and give its address; on the way out drain, then close what was opened, in reverse.

    `ready` is called with the address once, when all that it writes to was seen to work.
    """
    metrics = Metrics()
    on_failure(partial(metrics.failures.count, "LogHandler"))
    async with AsyncExitStack() as stack:
        guard = await _guard(stack, settings)
        sinks = await open_sinks(stack, settings)
        sink_health = SinkHealth(sinks.places)
        await stack.enter_async_context(sink_health.monitored())
        compile_forest = _forest_takeover(stack, settings, metrics)
        models = _models(settings, metrics, on_swap=compile_forest)
        await models.open()
        metrics.engine(lambda: models.engine)
        drift = Drift(settings.drift_rows, lambda: models.card)
        metrics.drift(drift)
        health = Health(settings.failing_seconds)
        parts = PipelineParts(
            models=models,
            results=sinks.results,
            rejects=sinks.rejects,
            coalesces=sinks.coalesces,
            named=sinks.named,
            columnar=sinks.columnar,
            every_feature=settings.result_features == "all",
            metrics=metrics,
            now=partial(datetime.now, UTC),
            revision=settings.revision,
            feature_sample_rows=0 if settings.result_features == "none" else settings.feature_sample_rows,
            observers=[health, drift, NackLog(), *_observers(stack, settings, metrics)],
        )
        pipeline = Pipeline(
            parts,
            bounds=QueueLimits(
                batch_rows=settings.batch_rows,
                queue_rows=settings.queue_rows,
                queue_bytes=settings.queue_bytes,
                # A lease is extended, so a pulled message need not be answered within the first one.
                deadline_seconds=LONGEST_SECONDS if settings.pull else settings.ack_deadline_seconds,
            ),
            duplicates=DeduplicationWindow(
                count=settings.deduplication_rows, seconds=settings.deduplication_seconds
            ),
        )
        pull = PullSubscriber(pipeline, settings, metrics=metrics, health=health) if settings.pull else None
        probes = HealthEndpoints(
            metrics, model=models, health=health, parts=[sink_health, *([pull] if pull else [])]
        )
        handler = PushHandler(pipeline, metrics, health=health)
        pushes = {("POST", "/"): handler.push, ("POST", "/predict"): handler.predict}
        routes = Router(
            {
                **({} if pull else pushes),
                ("GET", "/livez"): probes.livez,
                ("GET", "/readyz"): probes.readyz,
                ("GET", "/metrics"): probes.metrics,
                **ContractPages(models, pushed=pull is None).routes(),
            }
        )
        endpoints = Endpoints(
            accept=handler.enqueue if settings.fast_path and not pull else None,
            begin=routes.begin,
            admission=Admission(guard, metrics, hosts=host_policy(settings)),
            heads=RequestHeadCache(max_request_bytes=settings.max_request_bytes),
            failed=handler.refusal,
            unpacking=asyncio.Lock(),
            max_request_bytes=settings.max_request_bytes,
            request_seconds=settings.request_seconds,
        )
        listening = listen(settings)
        await stack.enter_async_context(_served(listening, endpoints, settings))
        stack.push_async_callback(routes.close, _CLOSE_SECONDS)
        if pull:
            await stack.enter_async_context(pull.answering())
        stack.push_async_callback(_drain, pipeline, sinks, probes, settings.drain_seconds, pull)
        await stack.enter_async_context(models.watched(settings.model_refresh_seconds))
        # Objects that live until the end need no check in every collection: this decides the tail latency.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        probes.set_status("ready")
        compile_forest(models.classifier)
        address = address_of(listening)
        await sink_health.checked()
        healthy: Callable[[], None] = partial(ready, address)
        if pull:
            await stack.enter_async_context(pull.receiving(opened=healthy))
            healthy = pull.start
        await stack.enter_async_context(sink_health.when_healthy(healthy))
        yield address


@asynccontextmanager
async def _served(listening: socket.socket, endpoints: Endpoints, settings: Settings) -> AsyncIterator[None]:
    """Listen, with one clock and one bound for all connections."""
    registry = ConnectionRegistry(most_bytes=settings.arriving_bytes, on_tick=endpoints.heads.expire)
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpProtocol(endpoints, registry), sock=listening
    )
    try:
        yield
    finally:
        server.close()
        registry.close()


async def _drain(
    pipeline: Pipeline, sinks: Sinks, probes: HealthEndpoints, seconds: float, pull: PullSubscriber | None
) -> None:
    """Finish the messages in flight; those that do not finish in time were never acknowledged and are redelivered."""
    probes.set_status("draining")
    sinks.hurry()
    try:
        async with asyncio.timeout(seconds):
            await pipeline.drain()
    except TimeoutError:
        log.critical(
            "drain timed out: what was not acknowledged will be redelivered", extra={"seconds": seconds}
        )
        if pull is not None:
            await pull.finish()
        # A thread that hangs in a sink would hold the interpreter beyond the platform's grace.
        leave(UNFINISHED)


async def _guard(stack: AsyncExitStack, settings: Settings) -> Authenticator | None:
    """The guard that the settings ask for; raises MisconfiguredError where they would let anybody in."""
    if wrong := insecure_settings(settings):
        raise MisconfiguredError("; ".join(wrong))
    if settings.pull or settings.push_auth != "oidc":
        if not settings.pull and settings.push_auth == "none" and not loopback(settings.host):
            log.warning("anybody who reaches this worker may push: PUBSUB_EMULATOR_HOST is set")
        return None
    try:
        from rookery.worker.auth.jwks import JwksClient  # noqa: PLC0415  the same
        from rookery.worker.auth.oidc import ExpectedClaims, OidcAuthenticator  # noqa: PLC0415  a worker without tokens need not have it
    except ModuleNotFoundError as error:
        raise MisconfiguredError(
            f"ROOKERY_PUSH_AUTH=oidc needs {error.name}: {install_hint(error.name)}"
        ) from error
    keys = await stack.enter_async_context(JwksClient(settings.push_jwks_url))
    return OidcAuthenticator(keys, ExpectedClaims(settings.push_audience, settings.push_service_account))


def _observers(stack: AsyncExitStack, settings: Settings, metrics: Metrics) -> list[BatchObserver]:
    """The optional observers of batches: the log unless its level is higher, tracing where it is on."""
    observers: list[BatchObserver] = []
    if log.isEnabledFor(logging.INFO):
        journal = BatchLog(metrics.failures.of("BatchLog"))
        stack.callback(journal.close)
        observers.append(journal)
    if settings.tracing:
        # Half a tenth of a second and an extra that a worker without traces saves.
        try:
            from rookery.worker.observability.tracing import Tracing  # noqa: PLC0415  see above
        except ImportError as error:
            raise MisconfiguredError(
                f"ROOKERY_TRACING needs {error.name}: {install_hint(error.name)}"
            ) from None
        tracing = Tracing(settings.revision)
        tracing.open()
        stack.push_async_callback(asyncio.to_thread, tracing.close)
        observers.append(tracing)
    return observers


def _forest_takeover(
    stack: AsyncExitStack, settings: Settings, metrics: Metrics
) -> Callable[[XGBoostClassifier], object]:
    """Return the function that compiles a model's forest in the background; it does nothing without llvmlite or Linux."""
    if settings.compiled_forest == "off" or sys.platform != "linux" or find_spec("llvmlite") is None:
        return lambda _: None
    from rookery.worker.inference.forest.takeover import ForestTakeover  # noqa: PLC0415  as little as possible without it

    takeover = ForestTakeover(metrics)
    stack.callback(takeover.close)
    return takeover.begin


def _models(
    settings: Settings, metrics: Metrics, *, on_swap: Callable[[XGBoostClassifier], object]
) -> ModelRefresher:
    """The store of the model that the settings name; the shipped one needs no cache."""
    try:
        source = source_of(settings.model)
    except ModelAddressError as error:
        raise MisconfiguredError(f"ROOKERY_MODEL={error}") from None
    except ModuleNotFoundError as error:
        raise MisconfiguredError(
            f"ROOKERY_MODEL={settings.model} needs {error.name}: {install_hint(error.name)}"
        ) from error
    folder = None if settings.model == str(SHIPPED_MODEL) else settings.model_cache
    cache = None if folder is None else ModelCache(folder, settings.model)
    return ModelRefresher(source, cache=cache, metrics=metrics, on_swap=on_swap)
