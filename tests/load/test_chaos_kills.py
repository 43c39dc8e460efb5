"""Broker, workers and publishers are killed; what publish returned for has exactly one result."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from rookery.load.accounting.ledger import Ledger
from rookery.load.accounting.published_log import enter
from rookery.load.chaos.kills import device
from rookery.load.chaos.kills.numbered_readings import NumberedReadings
from rookery.load.chaos.kills.plan import KillPlan
from rookery.load.chaos.kills.publish_journal import PublishJournal, PublishState
from rookery.load.chaos.kills.run import published_log, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.timeout(300)
def test_reconciliation_passes_over_kills_of_broker_workers_and_publishers(tmp_path: Path) -> None:
    """Every reading whose publish returned has exactly one result, the expected one, and none that was refused has any."""
    plan = KillPlan(
        seed=3,
        seconds=8,
        folder=tmp_path,
        publishers=2,
        messages_per_second=800,
        readings=4_000,
        kills_each=2,
    )
    outcome = run(plan)
    account = outcome.account
    assert (account.lost, account.wrong, account.unexpected) == ((), (), ())
    assert account.published == account.predicted + account.rejected >= outcome.sent["taken"] > 100
    assert account.rejected > 0
    assert account.published + outcome.sent["refused"] + outcome.sent["unconfirmed"] >= 4_000
    assert {name: times >= 2 for name, times in outcome.survived.items() if "-9" in name} == {
        "broker killed (-9)": True,
        "worker killed (-9)": True,
        "publisher killed (-9)": True,
    }
    assert outcome.good
    assert (outcome.unsealed, outcome.tracebacks) == (0, ())


def test_a_journal_survives_its_writer(tmp_path: Path) -> None:
    """The last state of each reading stands in the file as soon as it is noted."""
    with PublishJournal(tmp_path / "journal") as journal:
        journal.note(PublishState.SENT, range(5))
        journal.note(PublishState.TAKEN, range(3))
        journal.note(PublishState.REFUSED, range(3, 4))
        kept = PublishJournal(tmp_path / "journal").states()
    taken, refused, sent = PublishState.TAKEN, PublishState.REFUSED, PublishState.SENT
    assert kept == {0: taken, 1: taken, 2: taken, 3: refused, 4: sent}


def test_taken_readings_are_expected_and_refused_ones_are_not(tmp_path: Path) -> None:
    """A taken reading without a result is lost, one that may have arrived is neither, and a refused one is unknown."""
    with PublishJournal(tmp_path / "p.journal") as journal:
        journal.note(PublishState.SENT, range(3))
        journal.note(PublishState.TAKEN, range(1))
        journal.note(PublishState.REFUSED, range(1, 2))
    log, refused = published_log(tmp_path, ["p"], NumberedReadings([{}], ["Gentoo"]))
    ledger = Ledger()
    unconfirmed = enter(log, ledger)
    assert (ledger.close().lost, refused, len(unconfirmed)) == (("p-0",), 1, 1)


@pytest.mark.parametrize(
    ("status", "state"), [(200, PublishState.TAKEN), (429, PublishState.REFUSED), (None, PublishState.SENT)]
)
def test_a_request_is_taken_refused_or_neither(status: int | None, state: PublishState) -> None:
    """The broker's answer decides; where none comes, the messages may have arrived."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if status is not None:
                self.send_response(status)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        address = f"127.0.0.1:{server.server_port}"
        thread = Thread(target=server.handle_request)
        thread.start()
        assert device.request(address, "projects/p/topics/t", [b"{}"]) is state
        thread.join()
    assert device.request(address, "projects/p/topics/t", [b"{}"]) is PublishState.REFUSED
