"""A run as its folder keeps it, written by hand: what every report is made from."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from rookery.load.accounting.ledger import Account
from rookery.load.report.run_folder import RunFolder, RunRecord, books
from rookery.load.report.sample import Sample
from rookery.load.swarm.per_second_stats import SecondStats

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def beat(second: int) -> SecondStats:
    return SecondStats(
        at=1000.0 + second,
        users=10,
        readings=100 * second,
        messages=90 * second,
        unconfirmed=0,
        durable=80 * second,
        requests=90,
        publish_p50_ms=3.0,
        publish_p99_ms=20.0,
        durable_p50_ms=25.0,
        durable_p99_ms=1500.0,
        cpu=0.25,
        lag_ms=4.0,
    )


def sample(second: int) -> Sample:
    return Sample(
        at=1000.0 + second,
        cpu={"worker": 0.5, "broker": 0.25},
        memory={"worker": 120.0, "broker": 80.0},
        backlog=5,
        outstanding=2,
        acked=80 * second,
        nacked=0,
        window=20,
        batches=40.0 * second,
        batched=80.0 * second,
        sizes={"1.0": 10.0 * second, "2.0": 30.0 * second, "4.0": 40.0 * second, "+Inf": 40.0 * second},
    )


def record(shape: str, account: Account) -> RunRecord:
    row: dict[str, Any] = {
        "name": "publish -> durable",
        "num_requests": 100,
        "num_failures": 0,
        "max_response_time": 1600.0,
        "total_response_time": 5000.0,
        "response_times": {"25": 98, "1500": 2},
    }
    where = {
        "date": "2026-11-23 12:00 UTC",
        "commit": "0123456789ab",
        "command": f"rookery load --shape {shape}",
        "processor": "A <fast> one",
        "cores": 2,
        "memory_gb": 8.0,
        "system": "Linux 6",
        "python": "3.11.7",
        "versions": {"locust": "2.47.0"},
        "load": 0.5,
    }
    return RunRecord(
        shape=shape,
        target="broker",
        began="2026-11-23 12:00:00 UTC",
        seconds=5.0,
        settled_s=1.0,
        late_after_s=60.0,
        books=books(account, unconfirmed=1, arrived=1),
        labels={"Adelie": 200, "Gentoo": 150},
        rows=[row],
        complaints=[],
        provenance=where,
    )


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., RunFolder]:
    """Write a run of five seconds, with the worker at work for two more, and give its folder."""

    def write(shape: str = "spike", account: Account | None = None) -> RunFolder:
        folder = RunFolder(tmp_path / shape)
        folder.root.mkdir()
        folder.write(record(shape, account or Account(published=500, predicted=480, rejected=20)))
        folder.beats.write_text("".join(json.dumps(asdict(beat(each))) + "\n" for each in range(6)))
        folder.samples.write_text("".join(json.dumps(asdict(sample(each))) + "\n" for each in range(8)))
        return folder

    return write
