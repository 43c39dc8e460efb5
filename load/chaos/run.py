"""One run of chaos: start, load, faults, recovery, and reconciliation."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rookery.load.accounting.ledger import Account, Ledger
from rookery.load.chaos import results_location as places
from rookery.load.chaos.fault_injector import FaultInjector
from rookery.load.chaos.labelled_readings import labelled_readings
from rookery.load.chaos.models import ModelFile
from rookery.load.chaos.stage import TOPIC, broker, subscribed_workers, worker
from rookery.load.chaos.workload import Workload
from rookery.load.child_process import ProcessFailedError
from rookery.schemas.prediction import Prediction

if TYPE_CHECKING:
    from collections import Counter

    from rookery.load.chaos.plan import ChaosPlan
    from rookery.load.chaos.process import RestartableProcess
    from rookery.load.chaos.results_location import ResultsStores

BROKER_FAULTS: Final = {"duplicate": "0.05", "reorder": "0.1", "delay": "0.05", "lost-ack": "0.02"}
_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class ChaosOutcome:
    """Messages, faults, and the outcome of the readings."""

    account: Account
    sent: Counter[str]
    survived: Counter[str]
    kills: int
    models: int
    unsealed: int
    tracebacks: tuple[str, ...]
    settled_s: float

    @property
    def good(self) -> bool:
        """Whether reconciliation passed, no unsealed file is left, and no traceback was logged."""
        return self.account.closed and not self.unsealed and not self.tracebacks


def run(plan: ChaosPlan) -> ChaosOutcome:
    """Run the plan to its end; raises ProcessFailedError where a program fails without an injected fault."""
    ledger = Ledger()
    with ExitStack() as stack:
        embedded = stack.enter_context(broker(plan, faults=BROKER_FAULTS))
        with worker("reference", plan, places.folder(plan.folder / "reference")) as reference:
            readings = labelled_readings(reference.address(), plan.seed, plan.contract)
        where = _where(stack, plan)
        model = ModelFile(plan.folder / "model.ubj", plan.model)
        workers = subscribed_workers(stack, plan, where, model.path, broker=embedded.address())
        faults = FaultInjector(plan, workers, model=model, store=where.store)
        workload = Workload(plan, TOPIC, broker=embedded.address(), readings=readings, ledger=ledger)
        with workload:
            faults.inject()
        workload.check()
        settled_s = settle(plan, ledger, where)
        end_workers(workers)
        models = enter(ledger, where)
        tracebacks = [each for process in (embedded, *workers) for each in process.tracebacks]
    return ChaosOutcome(
        account=ledger.close(),
        sent=workload.sent,
        survived=faults.survived,
        kills=faults.kills,
        models=models,
        unsealed=where.unsealed(),
        tracebacks=tuple(tracebacks),
        settled_s=settled_s,
    )


def _where(stack: ExitStack, plan: ChaosPlan) -> ResultsStores:
    if plan.sink == "folder":
        return places.folder(plan.folder)
    return places.bucket(stack.enter_context(places.store(plan)))


def end_workers(workers: list[RestartableProcess]) -> None:
    """Let all workers drain and end, and seal what was left; raises ProcessFailedError."""
    codes = [worker.end(signal.SIGTERM) for worker in workers]
    # The next start seals the segments that could not be sealed while the disk failed.
    workers[0].start()
    codes.append(workers[0].end(signal.SIGTERM))
    if any(codes):
        raise ProcessFailedError(f"workers ended with {codes} after SIGTERM")


def settle(plan: ChaosPlan, ledger: Ledger, places: ResultsStores) -> float:
    """Wait until every reading is found, or the plan's patience ends; returns the seconds that it took."""
    began = time.monotonic()
    while (took := time.monotonic() - began) < plan.settles_within_s:
        if places.seen().issuperset(ledger.missing):
            break
        time.sleep(_LOOK_EVERY_S)
    return took


def enter(ledger: Ledger, places: ResultsStores) -> int:
    """Enter everything in the ledger once all workers have ended; returns how many models answered."""
    models = set()
    for line in places.lines():
        if isinstance(line, Prediction):
            models.add(line.model)
        ledger.find([line])
    return len(models)
