"""A worker that gets SIGTERM under load drains quickly, and loses no accepted reading."""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.request
from typing import TYPE_CHECKING, Any

from rookery.dataset.readings import known_readings
from rookery.demo.results_tracker import ResultsTracker
from rookery.demo.traffic import Traffic
from rookery.environment import process as child
from rookery.environment.provision import Provisioner, Route
from rookery.load.accounting.folder_results import predictions, rejections
from rookery.load.accounting.ledger import Ledger
from rookery.publisher.client import ReadingPublisher
from rookery.publisher.settings import PublisherSettings

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = "projects/rookery-local/topics/drain"
ROUNDS = 8


def test_a_worker_drains_and_its_successor_finishes(tmp_path: Path) -> None:
    """SIGTERM under load ends the worker within 10 s; everything that it acknowledged is durable; with the next worker reconciliation passes."""
    results, rejects = tmp_path / "results", tmp_path / "rejects"
    ledger = Ledger()
    tracker = ResultsTracker(predictions(results), rejections(rejects), ledger)
    with child.broker(tmp_path) as broker, child.worker(tmp_path, results=results, rejects=rejects) as first:
        address, at = broker.address(), first.address()
        route = Route(topic=TOPIC, push_to=f"{at}/", min_backoff_s=0.1, max_backoff_s=1.0)
        with Provisioner(address) as provisioner:
            provisioner.provide(route)
        sending = threading.Thread(target=_send, args=(address, ledger))
        sending.start()
        while not results.exists() or not list(predictions(results).fresh()):
            first.check()
        os.kill(first.pid, signal.SIGTERM)
        # A drain that does not end in time is given up with another code.
        assert first.stop() == 0
        durable = len(list(predictions(results))) + len(list(rejections(rejects)))
        standing = _standing(address, route)
        assert standing["acked"] <= durable
        sending.join()
        assert durable < ROUNDS * len(known_readings()), "the worker had finished before SIGTERM"
        port = int(at.rpartition(":")[2])
        with child.worker(tmp_path, results=results, rejects=rejects, port=port) as second:
            second.address()
            tracker.wait(40, meanwhile=lambda _: second.check())
    tracker.gather()
    account = ledger.close()
    assert account.closed, account
    assert account.published == ROUNDS * len(known_readings())


def _send(broker: str, ledger: Ledger) -> None:
    readings = known_readings()
    with ReadingPublisher(TOPIC, settings=PublisherSettings(broker=broker)) as publisher:
        traffic = Traffic(publisher, ledger)
        for number in range(ROUNDS):
            traffic.singles(readings, prefix=f"round-{number}")


def _standing(broker: str, route: Route) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://{broker}/stats", timeout=5) as answer:
        standing: dict[str, Any] = json.load(answer)["subscriptions"][route.subscription]
    return standing
