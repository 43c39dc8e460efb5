"""The simulation against the real thing: the same scheduler, once under simulated time and once under real."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from google.pubsub_v1 import PublisherAsyncClient, PubsubMessage, SubscriberAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport
from grpc.aio import insecure_channel

from rookery.broker.server import EmbeddedBroker
from rookery.capacity.plan import PlanRequest, ask
from rookery.capacity.scenario import Scenario
from rookery.capacity.simulation import Simulation
from rookery.load.simulation.arrivals import Arrivals
from rookery.load.simulation.autoscaler import Platform
from rookery.load.simulation.monthly import CloudDeployment
from rookery.load.simulation.prices import Billing
from rookery.load.simulation.service import Service

if TYPE_CHECKING:
    from rookery.capacity.scenario import SimulationOutcome

TOPIC = "projects/rookery-local/topics/simulated"
SUBSCRIPTION = "projects/rookery-local/subscriptions/simulated"
MESSAGES = 400
WINDOW = 16
SERVICE = Service(
    per_batch=0.05, per_message=0.002, per_row=0.0, start=0.0, write=0.0, flush_interval_seconds=0.0
)


class SlowWorker:
    """Commits groups as a worker does; `busy_s` is the time that a Service says for them. The last answer is `finished`."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._working: asyncio.Task[None] | None = None
        self.answered = 0
        self.busy_s = 0.0
        self.finished = asyncio.Event()

    async def push(self, _request: web.Request) -> web.Response:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        await mine
        self.answered += 1
        if self.answered == MESSAGES:
            self.finished.set()
        return web.Response(status=204)

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            seconds = SERVICE.seconds(len(batch), 0)
            # The work itself: what is measured is how it is scheduled.
            await asyncio.sleep(seconds)
            self.busy_s += seconds
            for each in batch:
                each.set_result(None)
            await asyncio.sleep(0)
        self._working = None


async def measured() -> float:
    """Let the real broker push everything to a slow worker; gives messages a second of its work."""
    worker, app = SlowWorker(), web.Application()
    app.router.add_post("/", worker.push)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with (
        EmbeddedBroker(most_pushes=WINDOW) as broker,
        insecure_channel(broker.address) as channel,
    ):
        topics = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        subscriber = SubscriberAsyncClient(transport=SubscriberGrpcAsyncIOTransport(channel=channel))
        await topics.create_topic(name=TOPIC)
        await subscriber.create_subscription(
            name=SUBSCRIPTION, topic=TOPIC, push_config={"push_endpoint": f"http://{host}:{port}/"}
        )
        await topics.publish(topic=TOPIC, messages=[PubsubMessage(data=b"x")] * MESSAGES)
        await worker.finished.wait()
    await runner.cleanup()
    return MESSAGES / worker.busy_s


def simulated() -> SimulationOutcome:
    arrivals = Arrivals("steady", MESSAGES * 100, 0.01)
    platform = Platform(concurrency=1000, min_instances=1, max_instances=1)
    return Simulation(
        Scenario(arrivals=arrivals, service=SERVICE, platform=platform, network=0.0, most_pushes=WINDOW)
    ).run()


async def test_the_plan_says_what_a_measured_run_does() -> None:
    """Window, group commit and service times give the throughput that the real broker reaches over real HTTP.

    Reality has HTTP on top, which lets groups be smaller, on a machine that others use: it keeps at least half. What
    the machine takes for anything but the worker's work does not count.
    """
    plan = simulated().throughput
    real = await measured()
    assert 0.5 * plan <= real <= 1.1 * plan


def test_every_message_is_acked_once() -> None:
    """Nothing is lost between the scheduler and the fleet, and each latency is counted."""
    outcome = simulated()
    assert (outcome.published, outcome.acked, outcome.delivered) == (MESSAGES, MESSAGES, MESSAGES)
    assert outcome.seconds[-1].backlog == 0
    assert 0 < outcome.p50 <= outcome.p99 <= outcome.finished_at


def test_the_same_scenario_gives_the_same_outcome() -> None:
    """No dice are thrown: a plan can be repeated."""
    assert simulated() == simulated()


def test_a_broken_backlog_backs_off_and_comes_back() -> None:
    """An instance too slow for the ack deadline lets messages expire, which are redelivered by the push backoff."""
    slow = Service(
        per_batch=0.0, per_message=0.5, per_row=0.0, start=0.0, flush_interval_seconds=0.0, write=0.0
    )
    platform = Platform(concurrency=1000, min_instances=1, max_instances=1)
    scenario = Scenario(
        arrivals=Arrivals("steady", 200, 0.1),
        service=slow,
        platform=platform,
        ack_deadline=1.0,
        patience=120,
    )
    outcome = Simulation(scenario).run()
    assert outcome.expired > 0
    assert outcome.delivered > outcome.published
    assert outcome.seconds[-1].window <= 5


def test_tables_are_cheaper_than_single_readings() -> None:
    """A thousand readings in a message cost one push, one request and one object where singles cost many."""
    by_request = CloudDeployment(billing=Billing.REQUEST, min_instances=0)
    alone, together = ask(PlanRequest(rate=2_000, seconds=10, shape="steady", deployment=by_request))
    assert alone.readings == together.readings == 20_000
    assert together.bill.total < alone.bill.total / 10
    assert together.bill.requests < alone.bill.requests / 500
