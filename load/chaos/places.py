"""Places: where the workers write in a run, a folder or the strict store, and what is found there afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from load.bucket_results import ResultsBucket
from load.chaos.process import Process
from load.ledger import entry_of
from load.results import predictions, rejections
from schemas.prediction import Prediction
from schemas.rejection import Rejection
from schemas.segment import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from load.bucket_results import ResultsBucket as Bucket
    from load.chaos.plan import Plan
    from load.results import ResultsFolder

BUCKET: Final = "chaos"
_FAULT_EVERY_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Places:
    """`settings` send a worker here; `store` is the store's process, if there is one."""

    results: ResultsFolder[Prediction] | Bucket[Prediction]
    rejects: ResultsFolder[Rejection] | Bucket[Rejection]
    settings: Mapping[str, str]
    folder: Path | None = None
    store: Process | None = None
    _seen: set[str] = field(default_factory=set)

    def seen(self) -> set[str]:
        """What the ledger knows all that has been found so far by."""
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


def folder(root: Path) -> Places:
    """Two folders below one."""
    results, rejects = root / "predictions", root / "rejections"
    return Places(
        results=predictions(results),
        rejects=rejections(rejects),
        settings={
            "ROOKERY_RESULTS": results.absolute().as_uri(),
            "ROOKERY_REJECTS": rejects.absolute().as_uri(),
        },
        folder=root,
    )


def store(plan: Plan) -> Process:
    """The strict store as a process that refuses, delays and forgets to answer now and then."""
    options = ["--bucket", BUCKET, "--fault-every", str(_FAULT_EVERY_S), "--seed", str(plan.seed)]
    ready = ["--ready-file", str(plan.folder / "store.ready")]
    return Process("store", ["worker.storage_testing", *options, *ready], folder=plan.folder)


def bucket(serving: Process) -> Places:
    """Two prefixes of a bucket in a store that serves."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415  loaded only where it is used
    from google.cloud.storage import Client  # noqa: PLC0415  the same

    address = serving.ready_file.read_text()
    client = Client(
        project=BUCKET,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]  # it ships no types
        client_options={"api_endpoint": address},
    )
    return Places(
        results=ResultsBucket(f"gs://{BUCKET}/predictions", Prediction, client=client),
        rejects=ResultsBucket(f"gs://{BUCKET}/rejections", Rejection, client=client),
        settings={
            "ROOKERY_RESULTS": f"gs://{BUCKET}/predictions",
            "ROOKERY_REJECTS": f"gs://{BUCKET}/rejections",
            "STORAGE_EMULATOR_HOST": address,
            "GOOGLE_CLOUD_PROJECT": BUCKET,
        },
        store=serving,
    )
