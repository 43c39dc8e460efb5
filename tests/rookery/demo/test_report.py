"""The demo's report: sums, accuracy and latency as text, and a verdict that agrees with the figures."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from rookery.dataset.datasets import Dataset
from rookery.dataset.readings import KnownReading
from rookery.demo.report import DemoReport, Phase, render
from rookery.environment.local import Folders
from rookery.environment.results_location import ResultsLocation
from rookery.environment.stats_client import Batches, Latency, latency
from rookery.load.accounting.folder_results import predictions, rejections
from rookery.load.accounting.ledger import Account
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
READINGS = [KnownReading(number=number, fields={}, label="Gentoo", complete=True) for number in range(100)]


def prediction(number: int, species: str = "Gentoo") -> Prediction:
    return Prediction(
        reading_id=f"single-{number}",
        message_id="m",
        species=species,
        probability=1.0,
        probabilities={species: 1.0},
        out_of_distribution=False,
        model="d1",
        published_at=NOON,
        predicted_at=NOON + timedelta(milliseconds=number + 1),
    )


REJECTION = Rejection(
    reasons=(
        Reason(field="sex", rule="one of [female] or [male]"),
        Reason(field="wings", rule="unknown field"),
    ),
    original="",
    reading_id="r",
    message_id="r",
    rejected_at=NOON,
    revision="r1",
)


LOCATION = ResultsLocation(
    results=Path("here/predictions").absolute().as_uri(),
    rejects=Path("here/rejections").absolute().as_uri(),
    predictions=predictions("here/predictions"),
    rejections=rejections("here/rejections"),
)


def report(misclassified: int = 0) -> DemoReport:
    predicted = {
        f"single-{n}": prediction(n, "Adelie" if n < misclassified else "Gentoo") for n in range(100)
    }
    return DemoReport(
        dataset=Dataset("penguins", READINGS, default_compiled(), None),
        phases=[
            Phase(name="one by one", messages=101, seconds=2.0, batches=Batches(batches=8, readings=100))
        ],
        account=Account(published=101, predicted=100, rejected=1),
        predicted=predicted,
        rejected={"r": REJECTION},
        expected_accuracy=0.991,
        training_accuracy=0.995,
        acknowledged=Latency(p50_s=0.020, p99_s=0.2),
        location=LOCATION,
        folders=Folders(Path("here")),
        broker="a broker",
    )


def drawn(shown: DemoReport) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(render(shown))
    return " ".join(captured.get().split())


def test_the_report_shows_every_figure() -> None:
    """Sums, accuracy, latencies, batch sizes, every reason, and where the files are."""
    page = drawn(report())
    for words in (
        "Reconciliation passed: 101 = 100 + 1 + 0.",
        "100.0% accuracy: 0 of 100 misclassified.",
        "published to predicted p50 50 ms p99 99 ms",
        "published to acknowledged p50 20 ms p99 200 ms",
        "one by one 101 100 8 12.5 50",
        "1 sex one of [female] or [male]",
        "1 wings unknown field",
        "here/predictions",
    ):
        assert words in page
    assert report().good


@pytest.mark.parametrize(("misclassified", "good"), [(2, True), (3, False)])
def test_two_of_a_hundred_may_be_misclassified(misclassified: int, good: bool) -> None:  # noqa: FBT001  a case's column
    """An accuracy of 98 % is enough, less is not; every misclassified reading is in the confusion matrix."""
    shown = report(misclassified)
    assert shown.good is good
    assert shown.confusion["Gentoo", "Adelie"] == misclassified


def test_a_lost_reading_is_named_and_bad() -> None:
    """One lost reading fails reconciliation, and the report names it."""
    account = Account(published=101, predicted=99, rejected=1, lost=("single-7",))
    shown = dataclasses.replace(report(), account=account)
    assert not shown.good
    assert "Reconciliation failed: 101 = 99 + 1 + 1." in drawn(shown)
    assert "lost 1 single-7" in drawn(shown)


def test_nothing_predicted_is_not_accurate() -> None:
    """No prediction at all is no accuracy, and drawing it is no error."""
    shown = dataclasses.replace(report(), predicted={})
    assert shown.accuracy == 0.0
    assert not shown.good
    assert "0.0% accuracy: 0 of 0" in drawn(shown)


def test_percentiles_are_observed_values() -> None:
    """Nearest rank: of 1 to 100, half are at most 50 and 99 % at most 99; of nothing there is none."""
    seen = latency(map(float, range(1, 101)))
    assert (seen.p50_s, seen.p99_s) == (50.0, 99.0)
    assert math.isnan(latency([]).p50_s)


def test_batches_between_two_readings_of_the_statistics() -> None:
    """Only the batches in between are counted; the mean of no batch is 0."""
    added = Batches(batches=5, readings=50).since(Batches(batches=3, readings=10))
    assert (added.batches, added.mean) == (2, 20.0)
    assert Batches().mean == 0.0
