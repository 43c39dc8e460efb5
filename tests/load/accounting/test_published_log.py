"""The published log: the ledger expects every entry that a swarm wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rookery.load.accounting.ledger import Fate, Ledger
from rookery.load.accounting.published_log import OWN_ID, PublishedEntry, PublishedLog, enter
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Rejection

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)


def predicted(reading_id: str, species: str) -> Prediction:
    return Prediction(
        reading_id=reading_id,
        message_id="1",
        species=species,
        probability=1.0,
        probabilities={},
        out_of_distribution=False,
        model="m",
        predicted_at=NOW,
    )


def rejected(reading_id: str, **attributes: str) -> Rejection:
    return Rejection(
        reading_id=reading_id,
        message_id=reading_id,
        reasons=(),
        original="",
        rejected_at=NOW,
        revision="r",
        attributes=attributes,
    )


def test_what_was_taken_must_be_found(tmp_path: Path) -> None:
    """Taken readings are owed, a malformed one under its message's id; another species is wrong, nothing is lost."""
    with PublishedLog(tmp_path / "log") as log:
        log.take(
            [PublishedEntry("a", "Adelie"), PublishedEntry("b", "Gentoo"), PublishedEntry("c", "Gentoo")],
            ["11"],
        )
        log.take([PublishedEntry("own", Fate.REJECTED, malformed=True)], ["12"])
        assert (log.readings, log.messages, log.unconfirmed) == (4, 2, 0)
    ledger = Ledger()
    assert len(enter(tmp_path / "log", ledger)) == 0
    ledger.find([predicted("a", "Adelie"), predicted("b", "Adelie"), rejected("12")])
    account = ledger.close()
    assert account.lost == ("c",)
    assert [each.reading_id for each in account.wrong] == ["b"]
    assert account.unexpected == ()


def test_unconfirmed_readings_count_only_if_they_arrived(tmp_path: Path) -> None:
    """A request without an answer may have arrived: found, it is owed and compared; not found, it is not lost."""
    with PublishedLog(tmp_path / "log") as log:
        log.enter_unconfirmed(
            [
                PublishedEntry("a", "Adelie"),
                PublishedEntry("b", "Gentoo"),
                PublishedEntry("own", Fate.REJECTED, malformed=True),
            ]
        )
    ledger = Ledger()
    unconfirmed = enter(tmp_path / "log", ledger)
    for line in (predicted("a", "Gentoo"), rejected("77", **{OWN_ID: "own"})):
        unconfirmed.settle(line)
        ledger.find([line])
    account = ledger.close()
    assert (account.published, account.rejected, account.lost, account.unexpected) == (2, 1, (), ())
    assert [each.reading_id for each in account.wrong] == ["a"]
    assert unconfirmed.arrived == 2


def test_an_unpublished_reading_stays_unexpected(tmp_path: Path) -> None:
    """A line that is neither taken nor in doubt keeps the account open."""
    with PublishedLog(tmp_path / "log"):
        pass
    ledger = Ledger()
    unconfirmed = enter(tmp_path / "log", ledger)
    stray = predicted("stray", "Adelie")
    unconfirmed.settle(stray)
    ledger.find([stray])
    assert ledger.close().unexpected == ("stray",)
