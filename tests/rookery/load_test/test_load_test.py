"""`rookery load`: real runs that pass reconciliation, and one that must fail it."""

from __future__ import annotations

import io
import json
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from rich.console import Console

from rookery.environment.local import Folders, staged
from rookery.environment.results_location import ResultsLocation
from rookery.errors import UserError
from rookery.load.accounting.folder_results import predictions, rejections
from rookery.load.accounting.published_log import PublishedEntry, PublishedLog
from rookery.load.report.run_folder import RunFolder, read
from rookery.load.simulation.monthly import CloudDeployment
from rookery.load.simulation.prices import Billing
from rookery.load_test.dropping_worker import dropping
from rookery.load_test.emulator import NoEmulatorError, emulator
from rookery.load_test.options import LoadOptions, LoadTarget, RemoteTarget, checked
from rookery.load_test.price import price_sentence
from rookery.load_test.run import known_readings, run
from rookery.load_test.settlement import Settlement
from rookery.worker.sinks.protocol import LineBlock

if TYPE_CHECKING:
    from pathlib import Path


def play(options: LoadOptions) -> tuple[int, str]:
    """Run with options; returns the exit code and the output."""
    said = io.StringIO()
    return run(options, Console(file=said, width=200)), said.getvalue()


def test_a_run_over_the_embedded_broker_passes_reconciliation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single, table and malformed readings are all accounted for, timed until durable, and drawn, without a warning."""
    monkeypatch.setenv("ROOKERY_LOAD_TABLE_ROWS", "100")
    settings = {"seconds": 3, "max_users": 10, "malformed_share": 0.5}
    code, said = play(LoadOptions(shape="normal", folder=tmp_path / "run", swarm_settings=settings))
    folder = RunFolder(tmp_path / "run")
    found = read(folder)
    books = found.record.books
    assert (code, books.closed, books.lost, books.unexpected) == (0, True, 0, 0), said
    assert books.published == books.predicted + books.rejected > 100
    assert sum(found.record.labels.values()) == books.predicted
    assert {row["name"] for row in found.record.rows} >= {"publish a reading", "publish -> durable"}
    assert found.record.complaints == []
    assert found.record.swarm_settings["ROOKERY_LOAD_TABLE_ROWS"] == "100"
    assert found.beats[-1].durable >= 100
    assert found.samples
    assert folder.page.read_text().count("<svg") == 9
    assert "Reconciliation passed" in said


def test_a_worker_that_loses_readings_is_detected(tmp_path: Path) -> None:
    """One line in five hundred dropped without an error: reconciliation fails, and names the readings."""
    settings = {"seconds": 3, "max_users": 2, "open_loop_rate": 400}
    order = LoadOptions(
        shape="stress",
        folder=tmp_path / "run",
        fault_drop=500,
        stalls_after_s=1.0,
        swarm_settings=settings,
    )
    code, said = play(order)
    books = read(RunFolder(tmp_path / "run")).record.books
    assert code == 1, said
    assert books.lost == books.published // 500 > 0
    assert books.examples["lost"][0] in said
    assert "Reconciliation failed" in said


@pytest.mark.emulator
def test_googles_emulator_lasts_as_long_as_its_run(tmp_path: Path) -> None:
    """The emulator answers while the run lasts, and leaves no process behind."""
    try:
        with emulator(tmp_path) as google:
            process = psutil.Process(google.pid)
            with urllib.request.urlopen(f"http://{google.address}/", timeout=5) as answer:
                assert answer.status == 200
    except NoEmulatorError as missing:
        # It is not installed, and the sentence says what is missing; one that does not start is a failure.
        pytest.skip(str(missing))
    assert not process.is_running()


async def test_one_line_in_ten_thousand_is_dropped() -> None:
    """The faulty sink loses the ten-thousandth line of all blocks, and only that."""
    written: list[bytes] = []

    async def write(_sink: Any, block: LineBlock) -> None:
        written.extend(block.lines)

    lossy = dropping(write, 10_000)
    lines = [b"%d\n" % nth for nth in range(1, 25_001)]
    for start in range(0, len(lines), 700):
        block = LineBlock(key="", lines=lines[start : start + 700], written_at=datetime.now(UTC))
        await lossy(None, block)
    assert set(lines) - set(written) == {b"10000\n", b"20000\n"}


def test_production_needs_a_project_and_a_bound_of_messages() -> None:
    """A run that costs money needs the project that pays, a bound of messages, and the location of the results."""
    order = LoadOptions(shape="normal", target=LoadTarget.PRODUCTION)
    with pytest.raises(UserError, match="needs --project, --max-messages, --results, --rejects"):
        checked(order)
    remote = RemoteTarget(project="p", results="gs://b/predictions", rejects="gs://b/rejections")
    with pytest.raises(UserError, match="needs --max-messages"):
        checked(replace(order, remote=remote))
    bounded = replace(order, remote=remote, max_messages=1000)
    assert checked(bounded) is bounded
    with pytest.raises(UserError, match="made to drop"):
        checked(replace(bounded, fault_drop=10))


def test_a_missing_emulator_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Google's SDK the other target is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoEmulatorError, match="needs gcloud") as raised, emulator(tmp_path):
        pass
    assert "--target broker" in raised.value.hint


def test_a_stalled_run_is_given_up(tmp_path: Path) -> None:
    """Without a new durable result the run reconciles as it is, long before the time limit."""
    with PublishedLog(tmp_path / "log") as log:
        log.take([PublishedEntry("a", "Adelie")], ["1"])
    location = ResultsLocation(
        results="", rejects="", predictions=predictions(tmp_path), rejections=rejections(tmp_path)
    )
    settlement = Settlement(tmp_path / "log", location, late_after_s=1)
    moments = iter(range(1000))
    order = LoadOptions(shape="normal", stalls_after_s=3)
    missing: list[int] = []
    seconds = settlement.settle(order, missing.append, clock=lambda: float(next(moments)))
    assert seconds < 20
    assert set(missing) == {1}
    assert settlement.close().lost == 1


def test_the_expected_answers_are_the_models(tmp_path: Path) -> None:
    """Every reading that a swarm draws has the species that the shipped model predicts, saved for another process."""
    readings = known_readings()
    readings.save(tmp_path / "readings")
    kept = json.loads((tmp_path / "readings").read_text())
    assert len(kept["labels"]) == len(kept["fields"]) == 1000
    assert set(kept["labels"]) == {"Adelie", "Chinstrap", "Gentoo"}


def test_a_deployment_is_loaded_and_accounted_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run against production starts nothing, reads results from buckets, and ignores readings of other publishers.

    No message above the bound is sent: five requests of ten fit, a sixth would exceed it.
    """
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with staged(Folders(tmp_path / "deployed"), where="gs://penguins") as stage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", stage.location.settings["STORAGE_EMULATOR_HOST"])
        stage.publisher.publish_payload(
            b'{"reading_id": "of-another-publisher", "body_mass_g": 4000}'
        ).result()
        remote = RemoteTarget(
            project="rookery-local",
            topic=stage.route.topic,
            results=stage.location.results,
            rejects=stage.location.rejects,
            host=f"http://{stage.broker}",
        )
        order = LoadOptions(
            shape="stress",
            target=LoadTarget.PRODUCTION,
            max_messages=55,
            folder=tmp_path / "run",
            remote=remote,
            swarm_settings={"seconds": 30, "max_users": 2, "open_loop_rate": 100},
        )
        code, said = play(order)
    books = read(RunFolder(tmp_path / "run")).record.books
    assert code == 0, said
    assert (books.closed, books.published, books.lost, books.unexpected) == (True, 50, 0, 0)
    assert said.startswith("At most $0.00 for 55 messages of up to 500 readings (push, instance billing")


def test_a_run_against_production_is_priced_in_the_deployments_own_billing() -> None:
    """The most that the bound of messages can cost; request billing has its fee for each of them."""
    order = LoadOptions(shape="normal", target=LoadTarget.PRODUCTION, max_messages=1_000_000)
    instance = price_sentence(order, CloudDeployment())
    request = price_sentence(order, CloudDeployment(billing=Billing.REQUEST, region="europe-west3"))
    assert "push, instance billing, results by object, europe-west1, list prices of" in instance
    assert "beside $57.80 a month for the idle instances" in instance
    dollars = [float(each.split("$")[1].split()[0]) for each in (instance, request)]
    assert dollars[1] > dollars[0] + 0.40
    assert price_sentence(order, CloudDeployment(region="moon-1")).startswith("The price is unknown: moon-1")


def test_an_invalid_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names a variable that is no number, and every started process has ended."""
    monkeypatch.setenv("ROOKERY_LOAD_OPEN_LOOP_RATE", "fast")
    with pytest.raises(UserError, match="ROOKERY_LOAD_OPEN_LOOP_RATE=fast"):
        play(LoadOptions(shape="normal", folder=tmp_path / "run"))


def test_an_emulator_that_does_not_run_is_not_reported_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken emulator fails a test that needs it; only an absent one lets it skip."""
    jars = tmp_path / "platform" / "pubsub-emulator" / "lib"
    jars.mkdir(parents=True)
    (jars / "cloud-pubsub-emulator-0-all.jar").touch()
    for name, does in (("gcloud", f"echo {tmp_path}"), ("java", "exit 1")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(UserError, match=r"emulator ended with exit code 1\.") as raised, emulator(tmp_path):
        pytest.fail("it came up")
    assert not isinstance(raised.value, NoEmulatorError)
