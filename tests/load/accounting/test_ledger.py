"""The ledger: nothing is lost, doubled, late or wrong without being named."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.load.accounting.ledger import Account, Fate, Ledger, Wrong
from rookery.schemas.envelope import Envelope
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def prediction(reading_id: str, species: str = "Gentoo", *, after_s: float = 0.1) -> Prediction:
    return Prediction(
        reading_id=reading_id,
        message_id="m",
        species=species,
        probability=1.0,
        probabilities={species: 1.0},
        out_of_distribution=False,
        model="d1",
        published_at=NOON,
        predicted_at=NOON + timedelta(seconds=after_s),
    )


def rejection(reading_id: str) -> Rejection:
    return Rejection(
        reasons=(Reason(field="reading", rule="JSON is needed"),),
        original="",
        reading_id=reading_id,
        message_id="m",
        published_at=NOON,
        rejected_at=NOON,
        revision="r1",
    )


def ledger(*reading_ids: str, late_after_s: float | None = None) -> Ledger:
    opened = Ledger(late_after_s=late_after_s)
    for reading_id in reading_ids:
        opened.publish(reading_id)
    return opened


def test_what_ended_once_closes() -> None:
    """Published is predicted plus rejected, and the account is closed."""
    account = ledger("a", "b", "c")
    account.find([prediction("a"), prediction("b"), rejection("c")])
    assert account.close() == Account(published=3, predicted=2, rejected=1)
    assert account.close().closed


def test_a_lost_reading_is_named() -> None:
    """A published reading that is never found is lost, by name, until it is found."""
    account = ledger("a", "b")
    account.find([prediction("a")])
    assert account.missing == ["b"]
    assert account.close().lost == ("b",)
    assert not account.close().closed
    account.find([prediction("b")])
    assert account.close().closed


def test_a_repetition_is_named_and_harmless() -> None:
    """The same answer twice is a duplicate: a reader returns it once, so the account still closes."""
    account = ledger("a")
    account.find([prediction("a"), prediction("a")])
    assert account.close() == Account(published=1, predicted=1, rejected=0, duplicated=("a",))
    assert account.close().closed


@pytest.mark.parametrize("second", [prediction("a", "Adelie"), rejection("a")], ids=["species", "fate"])
def test_two_answers_are_wrong(second: Prediction | Rejection) -> None:
    """A reading that got two different answers is wrong, whichever of them came first."""
    found = [prediction("a"), second]
    answers = {"Adelie", "rejected"} & {getattr(second, "species", "rejected")}
    for order in (found, found[::-1]):
        account = ledger("a")
        account.find(order)
        (wrong,) = account.close().wrong
        assert not account.close().closed
        assert {"Gentoo", *answers} == set(wrong.found.split(" and "))
        assert account.close().duplicated == ()


def test_another_answer_than_expected_is_wrong() -> None:
    """The answer is compared with what the same model says locally."""
    account = Ledger()
    account.publish("a", answer="Adelie")
    account.publish("b", answer="Gentoo")
    account.find([prediction("a"), prediction("b")])
    assert account.close().wrong == (Wrong(reading_id="a", expected="Adelie", found="Gentoo"),)
    assert not account.close().closed


def test_another_fate_than_expected_is_wrong() -> None:
    """A malformed reading must not be predicted, nor a good one rejected."""
    account = Ledger()
    account.publish("malformed", fate=Fate.REJECTED)
    account.publish("good", fate=Fate.PREDICTED)
    account.find([prediction("malformed"), rejection("good")])
    assert account.close().wrong == (
        Wrong(reading_id="malformed", expected="rejected", found="Gentoo"),
        Wrong(reading_id="good", expected="predicted", found="rejected"),
    )


def test_an_unpublished_reading_is_unexpected() -> None:
    """A result that came from nowhere keeps the account open."""
    account = ledger("a")
    account.find([prediction("a"), prediction("b")])
    assert account.close() == Account(published=1, predicted=1, rejected=0, unexpected=("b",))
    assert not account.close().closed


def test_late_readings_are_named() -> None:
    """Longer than the bound from publication to verdict is late, and late is not lost."""
    account = ledger("a", "b", late_after_s=1.0)
    account.find([prediction("a", after_s=1.0), prediction("b", after_s=1.5)])
    assert account.close().late == ("b",)
    assert account.close().closed


def test_an_identity_belongs_to_one_observation() -> None:
    """Entering the same identity twice would hide a loss, so it is refused."""
    with pytest.raises(ValueError, match="a was published before"):
        ledger("a", "a")


def _lines(fate: str, name: str) -> list[Prediction | Rejection]:
    lines: dict[str, list[Prediction | Rejection]] = {
        "lost": [],
        "predicted": [prediction(name)],
        "rejected": [rejection(name)],
        "twice": [prediction(name), prediction(name)],
        "torn": [prediction(name), rejection(name)],
    }
    return lines[fate]


@given(
    fates=st.lists(st.sampled_from(["lost", "predicted", "rejected", "twice", "torn"])), seed=st.integers()
)
def test_the_columns_always_add_up(fates: list[str], seed: int) -> None:
    """In every order of events: published is predicted plus rejected plus lost."""
    account, found = Ledger(), list[Prediction | Rejection]()
    for number, fate in enumerate(fates):
        name = f"{fate}-{number}"
        account.publish(name)
        found += _lines(fate, name)
    random.Random(seed).shuffle(found)  # noqa: S311  an order, not a secret
    account.find(found)
    closed = account.close()
    assert closed.published == len(fates) == closed.predicted + closed.rejected + len(closed.lost)
    assert len(closed.lost) == fates.count("lost")
    assert len(closed.duplicated) == fates.count("twice")
    assert len(closed.wrong) == fates.count("torn")


def test_an_account_is_frozen() -> None:
    """An account that was closed cannot be embellished."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ledger().close().published = 1  # type: ignore[misc]


def test_message_ids_that_begin_again_are_as_many_readings() -> None:
    """Of two messages under one id, before and after a broker's restart, both must be found; a redelivery is a duplicate."""
    before, after, never = (
        Envelope("1", published_at=NOON + timedelta(hours=hours), subscription="s").identity
        for hours in range(3)
    )
    account = Ledger()
    for _ in range(2):
        account.publish_message("1", fate=Fate.REJECTED)
    first, second, stray = (
        rejection(name).model_copy(update={"message_id": "1"}) for name in (before, after, never)
    )
    account.find([second, second])
    assert account.missing == ["1 (2)"]
    assert account.close().duplicated == ("1",)
    account.find([first])
    assert account.close().closed
    account.find([stray])
    assert account.close().unexpected == ("1 (3)",)
