"""ResultsStores: where the workers write in a run, a folder or the strict store, and what is found there afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rookery.load.accounting.ledger import entry_of
from rookery.load.accounting.open_results import open_results
from rookery.load.chaos.process import RestartableProcess
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection
from rookery.schemas.segment import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rookery.load.accounting.folder_results import ResultsReader
    from rookery.load.chaos.plan import ChaosPlan

BUCKET: Final = "chaos"
_FAULT_EVERY_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class ResultsStores:
    """`settings` send a worker here; `store` is the store's process, if there is one."""

    results: ResultsReader[Prediction]
    rejects: ResultsReader[Rejection]
    settings: Mapping[str, str]
    folder: Path | None = None
    store: RestartableProcess | None = None
    _seen: set[str] = field(default_factory=set)

    def seen(self) -> set[str]:
        """The ledger's identities of all results so far."""
        for found in (self.results, self.rejects):
            self._seen.update(entry_of(line) for line in found.fresh())
        return self._seen

    def lines(self) -> Iterator[Prediction | Rejection]:
        """Every line, repetitions included."""
        yield from self.results.every()
        yield from self.rejects.every()

    def unsealed(self) -> int:
        """How many files still wait for their final name; a store has none."""
        return 0 if self.folder is None else sum(1 for _ in self.folder.rglob(f"{OPEN}*"))


def folder(root: Path) -> ResultsStores:
    """Two folders below one."""
    results, rejects = root / "predictions", root / "rejections"
    return ResultsStores(
        results=open_results(results, Prediction),
        rejects=open_results(rejects, Rejection),
        settings={
            "ROOKERY_RESULTS": results.absolute().as_uri(),
            "ROOKERY_REJECTS": rejects.absolute().as_uri(),
        },
        folder=root,
    )


def store(plan: ChaosPlan) -> RestartableProcess:
    """The strict store as a process that refuses, delays and forgets to answer now and then."""
    options = ["--bucket", BUCKET, "--fault-every", str(_FAULT_EVERY_S), "--seed", str(plan.seed)]
    ready = ["--ready-file", str(plan.folder / "store.ready")]
    found = find_spec("storage_emulator")
    if found is None or found.origin is None:
        message = "--sink store needs the clone: its storage_emulator is not installed"
        raise RuntimeError(message)
    # The child runs with -P, which leaves the clone's folder off its path.
    path = {"PYTHONPATH": str(Path(found.origin).parents[1])}
    return RestartableProcess(
        "store", ["storage_emulator", *options, *ready], folder=plan.folder, settings=path
    )


def bucket(serving: RestartableProcess) -> ResultsStores:
    """Two prefixes of a bucket in a store that serves."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415  loaded only where it is used
    from google.cloud.storage import Client  # noqa: PLC0415  the same

    address = serving.address()
    client = Client(
        project=BUCKET,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # it ships no types
        client_options={"api_endpoint": address},
    )
    return ResultsStores(
        results=open_results(f"gs://{BUCKET}/predictions", Prediction, client=client),
        rejects=open_results(f"gs://{BUCKET}/rejections", Rejection, client=client),
        settings={
            "ROOKERY_RESULTS": f"gs://{BUCKET}/predictions",
            "ROOKERY_REJECTS": f"gs://{BUCKET}/rejections",
            "STORAGE_EMULATOR_HOST": address,
            "GOOGLE_CLOUD_PROJECT": BUCKET,
        },
        store=serving,
    )
