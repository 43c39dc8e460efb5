"""TableKeys: a table without ids is one entry of the window, and stands for each of its rows all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rookery.schemas.codec import MAX_ROWS, encode
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import Envelope
from rookery.schemas.testing import ReadingFactory
from rookery.worker.batching.batcher import Ticket
from rookery.worker.batching.deduplication import DeduplicationWindow
from rookery.worker.batching.table_keys import TableKeys, row_of
from rookery.worker.decoding.message import decode_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.worker.batching.deduplication import Partition

ROWS: Final = 5


def ticket() -> Ticket[None]:
    return Ticket(None, rows=1, size=1)


def test_keys_are_the_identities_of_the_rows() -> None:
    """They are what each prediction of the table is known by, whether asked for one by one or together."""
    work = decode_message(
        Envelope("m/1", body=encode(ReadingFactory(1).table(200))), default_compiled(), kept=True
    )
    keys = work.keys
    assert isinstance(keys, TableKeys)
    assert len(keys) == 200
    name = work.envelope.identity
    assert [*keys] == [f"{name}/{row}" for row in range(200)]
    assert (keys[-1], keys[3:5]) == (f"{name}/199", [f"{name}/3", f"{name}/4"])
    with pytest.raises(IndexError):
        keys[200]
    assert all(row_of(key) == (name, row) for row, key in enumerate(keys))


@pytest.mark.parametrize(
    "key", ["m", "m/", "/3", "m/03", "m/x", "m/٣", "m/-1", "m/" + "9" * 5_000, f"m/{MAX_ROWS}0"]
)
def test_what_no_row_is_known_by_stands_for_none(key: str) -> None:
    """Other digits, zeros in front and numbers beyond any table's rows are ids like any other."""
    assert row_of(key) is None


def test_a_redelivered_table_is_known_row_by_row() -> None:
    """In flight it is joined, durable it is remembered, forgotten it is new; so is each row under its own name."""
    seen, first = DeduplicationWindow(), ticket()
    keys = TableKeys("m", ROWS)
    seen.reserve(keys, first)
    assert not seen.all_new(["m/4"])
    assert seen.partition(TableKeys("m", ROWS)).joined == [first]
    assert seen.partition(["x", "m/4", "m/5"]).fresh == [0, 2]
    seen.remember(keys)
    again = seen.partition(TableKeys("m", ROWS + 2))
    assert (list(again.fresh), again.durable) == ([ROWS, ROWS + 1], ROWS)
    assert len(seen) == ROWS
    seen.forget(keys)
    assert seen.all_new(["m/4"])
    assert seen.all_new(keys)


def test_a_reading_named_like_a_row_is_not_answered_again_in_the_table() -> None:
    """Only the rest of the table is new, and all of it once the reading is forgotten."""
    seen = DeduplicationWindow()
    for names in (["m/2"], ["a", "m/2", "m/7"]):
        seen.reserve(names, ticket())
        assert [*seen.partition(TableKeys("m", ROWS)).fresh] == [0, 1, 3, 4]
        assert seen.all_new(TableKeys("other", ROWS))
        seen.remember(names)
        assert seen.partition(TableKeys("m", ROWS)).durable == 1
        seen.forget(names)
        assert seen.all_new(TableKeys("m", ROWS))


def test_a_table_counts_with_all_its_rows() -> None:
    """The window's bound is one of readings, not of messages."""
    seen = DeduplicationWindow(count=2 * ROWS)
    for name in ("m", "n", "o"):
        keys = TableKeys(name, ROWS)
        seen.reserve(keys, ticket())
        seen.remember(keys)
    assert [seen.all_new(TableKeys(name, ROWS)) for name in ("m", "n", "o")] == [True, False, False]


def summary(found: Partition) -> tuple[list[int], int, int, list[object]]:
    return [*found.fresh], found.in_flight, found.durable, [*found.joined]


KEYS: Final = st.one_of(
    st.builds(TableKeys, st.sampled_from(["m", "n"]), st.integers(1, 4)),
    st.lists(st.sampled_from(["m/0", "m/1", "m/3", "m/9", "n/0", "a", "m", "m/01"]), min_size=1, max_size=4),
)


@given(st.lists(st.tuples(KEYS, st.sampled_from(["fly", "stay", "go"])), max_size=12))
def test_the_window_knows_what_it_would_know_with_a_text_for_each_row(
    steps: list[tuple[Sequence[str], str]],
) -> None:
    """Tables as one entry and as many are partitioned alike, in any order."""
    short, long = DeduplicationWindow(count=20), DeduplicationWindow(count=20)
    for keys, end in steps:
        sifted = short.partition(keys)
        assert summary(sifted) == summary(long.partition([*keys]))
        if not sifted.fresh:
            continue
        fresh = keys if len(sifted.fresh) == len(keys) else [keys[nth] for nth in sifted.fresh]
        first = ticket()
        for window, names in ((short, fresh), (long, [*fresh])):
            window.reserve(names, first)
            if end == "stay":
                window.remember(names)
            elif end == "go":
                window.forget(names)
        assert len(short) == len(long)
