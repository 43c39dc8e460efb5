"""Mixed traffic, bounded in messages: singles beside tables, with sound observers and with failing ones, and an account that finds what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rookery.load.mixed.account import MixedAccount
from rookery.load.mixed.run import MixedFindings, Order, run
from rookery.load.mixed.traffic import Payload

if TYPE_CHECKING:
    from pathlib import Path

TABLE = [Payload(data="", answers=[("Adelie", 0.5), ("Gentoo", 0.75)])]


@pytest.mark.parametrize("failing_observers", [False, True], ids=["sound observers", "failing observers"])
def test_singles_beside_tables_are_answered_whatever_observers_do(
    tmp_path: Path, *, failing_observers: bool
) -> None:
    """On one core, over 100 connections: each row once and as the model said before; 204 or, for a full queue, 429."""
    findings = run(Order(folder=tmp_path, messages=300, failing_observers=failing_observers, core=0))
    assert (findings.account.wrong, findings.missing, findings.not_ready) == ([], 0, 0)
    assert set(findings.statuses) <= {204, 429}
    assert findings.statuses[204] == findings.messages == 300
    assert findings.account.rows > 2 * findings.messages
    assert findings.good
    assert ("ObserverFaultError" in (tmp_path / "worker.log").read_text()) is failing_observers


def line(row: int, species: str, probability: str) -> bytes:
    return (
        b'{"reading_id":"m1x0/%d","message_id":"m1x0","row":%d,  "device_id":null,"species":"%b",  "probability":%b}\n'
        % (row, row, species.encode(), probability.encode())
    )


def test_every_row_that_was_sent_has_to_be_found() -> None:
    """A line makes its row found; what has no whole line yet is missing."""
    account = MixedAccount(TABLE)
    account.expect("m1x0", 0)
    account.enter(line(0, "Adelie", "0.5") + line(1, "Gentoo", "0.75")[:-1])
    assert (account.rows, account.missing, account.wrong) == (1, 1, [])
    account.enter(line(1, "Gentoo", "0.750000"))
    assert (account.rows, account.missing, account.wrong) == (2, 0, [])


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (line(0, "Gentoo", "0.5"), "m1x0, row 0: Gentoo (0.5)"),
        (line(0, "Adelie", "0.6"), "m1x0, row 0: Adelie (0.6)"),
        (line(0, "Adelie", "0.5") * 2, "m1x0, row 0: it is there twice"),
        (
            line(0, "Adelie", "0.5").replace(b"m1x0", b"m2x0"),
            "m2x0, row 0: it was not sent, or all of it is there already",
        ),
        (b'{"hello":"world"}\n', "1 lines that are no predictions"),
    ],
    ids=["other species", "other probability", "twice", "from nowhere", "no prediction"],
)
def test_an_unexpected_line_is_named(found: bytes, said: str) -> None:
    """Another answer, a repetition, a row from nowhere, a line that is none."""
    account = MixedAccount(TABLE)
    account.expect("m1x0", 0)
    account.enter(found)
    assert account.wrong == [said]
    assert account.wrongs == 1


def findings(**found: Any) -> MixedFindings:
    """A run of one message that went well, but for what is given."""
    return replace(MixedFindings(MixedAccount(TABLE), Counter({204: 1}), messages=1), **found)


def observer_failure(observer: str) -> str:
    return f'worker: {{"message":"observer {observer} failed","logger":"rookery.worker.observability.observer_failures","exception":"..."}}'


@pytest.mark.parametrize(
    "wrong",
    [
        {"statuses": Counter({204: 1, 503: 1})},
        {"statuses": Counter({429: 150})},
        {"missing": 1},
        {"not_ready": 1},
        {"exit_code": 3},
        {"tracebacks": ("worker: Traceback (most recent call last)",)},
        {"tracebacks": (observer_failure("Drift"), observer_failure("Drift"))},
    ],
    ids=["503", "never acknowledged", "missing", "not ready", "exit code", "a defect", "logged twice"],
)
def test_a_run_in_which_anything_is_wrong_is_not_good(wrong: dict[str, Any]) -> None:
    """A queue that was full for a while, and one failure of each observer, are all that may happen."""
    assert findings(
        statuses=Counter({204: 1, 429: 7}),
        tracebacks=(observer_failure("Drift"), observer_failure("Metrics")),
    ).good
    assert not findings(**wrong).good
