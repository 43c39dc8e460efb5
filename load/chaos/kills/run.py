"""One run: a broker with its store, workers and publishers, all of them killed; then reconciliation."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rookery.load.accounting.ledger import Ledger, entry_of
from rookery.load.accounting.published_log import PublishedEntry, PublishedLog, enter
from rookery.load.chaos import results_location as places
from rookery.load.chaos.kills.exported_results import ExportedResults
from rookery.load.chaos.kills.killer import Killer
from rookery.load.chaos.kills.load_progress import LoadProgress
from rookery.load.chaos.kills.numbered_readings import NumberedReadings, reading_id
from rookery.load.chaos.kills.publish_journal import PublishJournal, PublishState
from rookery.load.chaos.labelled_readings import labelled_readings
from rookery.load.chaos.models import ModelFile
from rookery.load.chaos.process import RestartableProcess
from rookery.load.chaos.run import ChaosOutcome, end_workers
from rookery.load.chaos.stage import SUBSCRIPTION, TOPIC, subscribed_workers, worker
from rookery.load.child_process import ProcessFailedError
from rookery.load.free_port import free_port
from rookery.schemas.prediction import Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rookery.load.accounting.published_log import Unconfirmed
    from rookery.load.chaos.kills.plan import KillPlan
    from rookery.load.chaos.results_location import ResultsStores

_LOOK_EVERY_S: Final = 0.1
_FAULTS: Final = {"duplicate": "0.05", "reorder": "0.1", "delay": "0.05"}
"""Faults of delivery; kills lose acknowledgements by themselves."""
_ANSWERS_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class KillsOutcome(ChaosOutcome):
    """Messages, kills, the outcome of the readings, and the same readings as `rookery results` shows them."""

    exported: ExportedResults

    @property
    def good(self) -> bool:
        """Whether reconciliation passed, and each prediction of a published reading stands once in the export."""
        # Slots make a class anew, which leaves super() without arguments at the old one.
        return super(KillsOutcome, self).good and self.exported.agrees(self.account)


def run(plan: KillPlan) -> KillsOutcome:
    """Run the plan to its end; raises ProcessFailedError where a program fails without being killed."""
    ledger = Ledger()
    where = places.folder(plan.folder)
    with ExitStack() as stack:
        address = f"127.0.0.1:{free_port()}"
        broker = stack.enter_context(_broker(plan, address))
        with worker("reference", plan, places.folder(plan.folder / "reference")) as reference:
            labelled = labelled_readings(reference.address(), plan.seed, plan.contract)
        readings = NumberedReadings.write(plan.folder / "readings.json", labelled)
        model = ModelFile(plan.folder / "model.ubj", plan.model).path
        workers = subscribed_workers(stack, plan, where, model, broker=address)
        publishers = [stack.enter_context(_publisher(plan, nth, address)) for nth in range(plan.publishers)]
        names = [each.name for each in publishers]
        progress = LoadProgress(plan, names, [plan.folder / "predictions", plan.folder / "rejections"])
        killer = Killer(plan, {"broker": [broker], "worker": workers, "publisher": publishers}, progress)
        killer.kill_all()
        _end_publishers(publishers)
        log, refused = published_log(plan.folder, names, readings)
        unconfirmed = enter(log, ledger)
        settled_s = _settle(plan, set(ledger.missing), where)
        _await_empty(address, plan.settles_within_s)
        end_workers(workers)
        if code := broker.end(signal.SIGTERM):
            raise ProcessFailedError(f"the broker ended with {code} after SIGTERM")
        sent = {"taken": len(ledger.missing), "refused": refused, "unconfirmed": len(unconfirmed)}
        models = _enter_results(ledger, where, unconfirmed)
        tracebacks = [each for process in (broker, *workers, *publishers) for each in process.tracebacks]
        exported = ExportedResults.of(plan.folder)
    return KillsOutcome(
        exported=exported,
        account=ledger.close(),
        sent=Counter(sent),
        survived=killer.survived,
        kills=killer.kills,
        models=models,
        unsealed=where.unsealed(),
        tracebacks=tuple(tracebacks),
        settled_s=settled_s,
    )


def _settle(plan: KillPlan, missing: set[str], where: ResultsStores) -> float:
    """Wait until every reading is found, or no further one comes for the plan's patience; returns the seconds that it took."""
    began = last = time.monotonic()
    while missing and time.monotonic() - last < plan.settles_within_s:
        found = {entry_of(line) for each in (where.results, where.rejects) for line in each.fresh()}
        if found:
            last = time.monotonic()
        missing -= found
        time.sleep(_LOOK_EVERY_S)
    return time.monotonic() - began


def _broker(plan: KillPlan, address: str) -> RestartableProcess:
    """The broker with a store, on an address that outlives it, with some of the faults that delivery allows."""
    options = [f"--{name}={share}" for name, share in _FAULTS.items()]
    options += ["--data", str(plan.folder / "broker"), "--port", address.rpartition(":")[2]]
    options += ["--seed", str(plan.seed), "--ready-file", str(plan.folder / "broker.ready")]
    return RestartableProcess("broker", ["rookery.broker", *options], folder=plan.folder)


def _publisher(plan: KillPlan, nth: int, address: str) -> RestartableProcess:
    """A publisher: every second one with an outbox."""
    name = f"publisher-{nth}"
    options = {
        "name": name,
        "broker": address,
        "topic": TOPIC,
        "seed": plan.seed,
        "rate": plan.messages_per_second / plan.publishers,
        "readings": plan.folder / "readings.json",
        "journal": plan.folder / f"{name}.journal",
        "ready-file": plan.folder / f"{name}.ready",
        **({"outbox": plan.folder / f"{name}.outbox"} if nth % 2 else {}),
        **({"count": count} if (count := plan.readings_of(nth)) is not None else {}),
    }
    arguments = [f"--{option}={value}" for option, value in options.items()]
    return RestartableProcess(name, ["rookery.load.chaos.kills.device", *arguments], folder=plan.folder)


def _end_publishers(publishers: list[RestartableProcess]) -> None:
    """Let all publishers empty their outboxes and end; raises ProcessFailedError."""
    codes = {each.name: each.end(signal.SIGTERM) for each in publishers}
    if any(codes.values()):
        raise ProcessFailedError(f"publishers ended with {codes} after SIGTERM")


def published_log(folder: Path, names: Sequence[str], readings: NumberedReadings) -> tuple[Path, int]:
    """Write what the publishers know into one log; gives it, and how many readings were refused."""
    path, refused = folder / "published.log", 0
    with PublishedLog(path) as log:
        for name in names:
            states = PublishJournal(folder / f"{name}.journal").states()
            for number, state in states.items():
                entry = PublishedEntry(reading_id(name, number), readings.result(number))
                if state is PublishState.TAKEN:
                    log.take([entry], [])
                elif state is PublishState.SENT:
                    log.enter_unconfirmed([entry])
                else:
                    refused += 1
    return path, refused


def _await_empty(address: str, within_s: float) -> None:
    """Wait until the subscription holds nothing: what was refused would be delivered by then."""
    until = time.monotonic() + within_s
    while _held(address):
        if time.monotonic() > until:
            raise ProcessFailedError(f"the broker still holds messages after {within_s:g} s")
        time.sleep(_LOOK_EVERY_S)


def _held(address: str) -> int:
    with urllib.request.urlopen(f"http://{address}/stats", timeout=_ANSWERS_WITHIN_S) as answer:
        stats: dict[str, Any] = json.load(answer)["subscriptions"][SUBSCRIPTION]
    return int(stats["backlog"]) + int(stats["outstanding"])


def _enter_results(ledger: Ledger, where: ResultsStores, unconfirmed: Unconfirmed) -> int:
    """Enter every line in the ledger; returns how many models answered."""
    models = set()
    for line in where.lines():
        if isinstance(line, Prediction):
            models.add(line.model)
        unconfirmed.settle(line)
        ledger.find([line])
    return len(models)
