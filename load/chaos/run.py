"""One run of chaos: set up, storm, trouble, calm, and the account."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from load.chaos.flock import answered_flock
from load.chaos.models import ModelFile
from load.chaos.process import Broken, Process
from load.chaos.storm import Storm
from load.chaos.trouble import Trouble
from load.ledger import Account, Ledger
from load.results import predictions, rejections
from schemas.segment import OPEN

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping
    from pathlib import Path

    from load.chaos.plan import Plan

BROKER_FAULTS: Final = {"duplicate": "0.05", "reorder": "0.1", "delay": "0.05", "lost-ack": "0.02"}
TOPIC: Final = "projects/rookery-local/topics/chaos"
_SUBSCRIPTION: Final = "projects/rookery-local/subscriptions/chaos"
_ACK_DEADLINE_S: Final = 20
_LOOK_EVERY_S: Final = 0.1
_ANSWERS_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, and what became of the readings."""

    account: Account
    sent: Counter[str]
    survived: Counter[str]
    kills: int
    models: int
    unfinished: int
    tracebacks: tuple[str, ...]
    settled_s: float

    @property
    def good(self) -> bool:
        """Whether the account closes, no unsealed file is left, and no traceback was logged."""
        return self.account.closed and not self.unfinished and not self.tracebacks


def run(plan: Plan) -> Outcome:
    """Run the plan to its end; raises Broken where a program fails in a way that nobody asked for."""
    ledger = Ledger()
    with ExitStack() as stack:
        embedded = stack.enter_context(broker(plan, faults=BROKER_FAULTS))
        address = embedded.ready_file.read_text()
        with worker("oracle", plan, plan.folder / "oracle") as oracle:
            flock = answered_flock(oracle.ready_file.read_text(), plan.seed)
        model = ModelFile(plan.folder / "model.ubj")
        workers = _workers(stack, plan, model.path)
        trouble = Trouble(plan, workers, fault=_fault(plan), model=model)
        subscribe(address, workers[0].ready_file.read_text())
        storm = Storm(plan, TOPIC, broker=address, flock=flock, ledger=ledger)
        with storm:
            trouble.make()
        if storm.failures:
            raise Broken(f"a publisher failed: {storm.failures[0]}") from storm.failures[0]
        settled_s = settle(plan, ledger)
        codes = [worker.end(signal.SIGTERM) for worker in workers]
        # What could not be sealed while the disk failed, the next start seals.
        workers[0].start()
        codes.append(workers[0].end(signal.SIGTERM))
        if any(codes):
            raise Broken(f"workers ended with {codes} after SIGTERM")
        models = enter(plan, ledger)
    return Outcome(
        account=ledger.close(),
        sent=storm.sent,
        survived=trouble.survived,
        kills=trouble.kills,
        models=models,
        unfinished=sum(1 for _ in plan.folder.rglob(f"{OPEN}*")),
        tracebacks=tuple(each for process in (embedded, *workers) for each in process.tracebacks),
        settled_s=settled_s,
    )


def broker(plan: Plan, *, faults: Mapping[str, str]) -> Process:
    """The embedded broker with some of its faults."""
    options = [f"--{name}={share}" for name, share in faults.items()]
    ready = ["--ready-file", str(plan.folder / "broker.ready")]
    command = ["broker", "--port=0", f"--seed={plan.seed}", *options, *ready]
    return Process("broker", command, folder=plan.folder)


def worker(name: str, plan: Plan, root: Path, **settings: str) -> Process:
    """A worker whose folders are below a root and whose disk fails while the plan's fault file says so."""
    known = {
        "ROOKERY_HOST": "127.0.0.1",
        "ROOKERY_PORT": "0",
        "ROOKERY_RESULTS": (root / "predictions").absolute().as_uri(),
        "ROOKERY_REJECTS": (root / "rejections").absolute().as_uri(),
        "ROOKERY_READY_FILE": str(plan.folder / f"{name}.ready"),
        "ROOKERY_ACK_DEADLINE_SECONDS": str(_ACK_DEADLINE_S),
        "CHAOS_FAULT": str(_fault(plan)),
    }
    return Process(name, ["load.chaos.failing_worker"], folder=plan.folder, settings={**known, **settings})


def _workers(stack: ExitStack, plan: Plan, model: Path) -> list[Process]:
    """Start the workers on one port, as behind one address of a platform that shares requests out."""
    workers: list[Process] = []
    port = "0"
    for nth in range(plan.workers):
        chosen = {
            "ROOKERY_PORT": port,
            "ROOKERY_REUSE_PORT": "true",
            "ROOKERY_MODEL": str(model),
            "ROOKERY_MODEL_CACHE": str(plan.folder / "models"),
            "ROOKERY_MODEL_REFRESH_SECONDS": "0.5",
        }
        workers.append(stack.enter_context(worker(f"worker-{nth}", plan, plan.folder, **chosen)))
        port = workers[0].ready_file.read_text().rsplit(":", 1)[1]
    # The first one has to come back to the port that it was given.
    workers[0].settings(ROOKERY_PORT=port)
    return workers


def _fault(plan: Plan) -> Path:
    return plan.folder / "fault"


def subscribe(address: str, push_to: str) -> None:
    """Make the topic at a broker and its subscription that pushes to a worker; raises OSError."""
    _put(f"http://{address}/v1/{TOPIC}", {})
    subscription = {
        "topic": TOPIC,
        "pushConfig": {"pushEndpoint": f"{push_to}/"},
        "ackDeadlineSeconds": _ACK_DEADLINE_S,
        "retryPolicy": {"minimumBackoff": "0.1s", "maximumBackoff": "1s"},
    }
    _put(f"http://{address}/v1/{_SUBSCRIPTION}", subscription)


def _put(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="PUT")  # noqa: S310  http on loopback only
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S):  # noqa: S310  the same
        pass


def settle(plan: Plan, ledger: Ledger) -> float:
    """Wait until every reading is found, or the plan's patience ends; returns the seconds that it took."""
    results, rejects = predictions(plan.results), rejections(plan.rejects)
    began = time.monotonic()
    seen: set[str] = set()
    while (took := time.monotonic() - began) < plan.settles_within_s:
        for folder in (results, rejects):
            seen.update(line.reading_id for line in folder.fresh())
        if seen.issuperset(ledger.missing):
            break
        time.sleep(_LOOK_EVERY_S)
    return took


def enter(plan: Plan, ledger: Ledger) -> int:
    """Enter everything in the ledger once all workers have ended; returns how many models answered."""
    models = set()
    for line in predictions(plan.results).every():
        models.add(line.model)
        ledger.find([line])
    ledger.find(rejections(plan.rejects).every())
    return len(models)
