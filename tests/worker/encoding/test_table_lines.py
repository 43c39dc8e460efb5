"""TableLines: a table's predictions in one block say, line by line, what they would say written one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rookery.schemas.codec import encode
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.envelope import Envelope
from rookery.schemas.prediction import Prediction
from rookery.schemas.table import ReadingTable
from rookery.schemas.testing import ReadingFactory
from rookery.worker.decoding.message import DecodedMessage, decode_message, feature_matrix
from rookery.worker.encoding import lines as rendering
from rookery.worker.encoding.feature_sample import sample_features
from rookery.worker.encoding.fixed_width import FixedWidthLines, chained, joined
from rookery.worker.encoding.lines import EncodedLines, encode_lines
from rookery.worker.encoding.table_lines import LEAST_ROWS
from rookery.worker.inference.bisection import BatchResult
from rookery.worker.inference.classifier import Predictions
from rookery.worker.observability.observer import BatchPart
from tests.shipped import FEATURES, SPECIES

AT: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROWS: Final = LEAST_ROWS + 3


def answers(rows: int, seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.05] * len(SPECIES), rows).astype(np.float32)
    probabilities[:6] = 0
    probabilities[range(6), np.arange(6) % len(SPECIES)] = (1, 0.5e-6, 1.5e-6, 0.9999995, 0.1, 0.25)
    return Predictions(
        default_compiled(),
        probabilities,
        probabilities.argmax(axis=1),
        random.random(rows) < 0.2,
        'model "1"',
    )


def one_by_one(
    works: list[DecodedMessage], result: BatchResult, monkeypatch: pytest.MonkeyPatch
) -> list[EncodedLines]:
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "LEAST_ROWS", 10**9)
        return encode_lines(works, feature_matrix(works, default_compiled()), result, at=AT, revision="r")


def said(lines: Any) -> list[Any]:
    return [orjson.loads(line) for line in lines]


def work(table: ReadingTable, message_id: str = "m1", published_at: datetime | None = AT) -> DecodedMessage:
    return decode_message(
        Envelope(message_id, body=encode(table), published_at=published_at), default_compiled(), kept=True
    )


def same(works: list[DecodedMessage], result: BatchResult) -> list[EncodedLines]:
    """Render works by columns and one by one, and hold the lines against each other."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        slow = one_by_one(works, result, monkeypatch)
    fast = encode_lines(works, feature_matrix(works, default_compiled()), result, at=AT, revision="r")
    for one, other in zip(fast, slow, strict=True):
        assert said(one.predictions) == said(other.predictions)
        assert said(one.rejections) == said(other.rejections)
        assert all(line.count(b"\n") == 1 and line.endswith(b"}\n") for line in one.predictions)
        assert bytes(joined(one.predictions)) == b"".join(one.predictions)
    return fast


NAMES: Final = st.text(
    st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=6
) | st.sampled_from(['"', "\\", '","', '",', ',"', "é", "🐧", "a\u2028b", "null", "null,"])


def column(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Few different cells, as hypothesis cannot draw hundreds, spread over the rows; or no column."""
    few = st.lists(cells, min_size=1, max_size=5)
    return st.none() | few.map(lambda some: [some[nth % len(some)] for nth in range(ROWS)])


@given(
    ids=column(NAMES | st.none()),
    devices=column(NAMES | st.none()),
    times=column(st.none() | st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda since: AT - since)),
    message_id=NAMES,
    published_at=st.none() | st.just(AT),
    gaps=st.lists(st.tuples(st.sampled_from(FEATURES[1:]), st.integers(0, ROWS - 1)), max_size=4),
    seed=st.integers(0, 9),
)
@settings(max_examples=100)
def test_the_lines_of_a_table_say_what_lines_written_one_by_one_say(  # noqa: PLR0913, PLR0917  each may be odd by itself
    ids: Any,
    devices: Any,
    times: Any,
    message_id: str,
    published_at: datetime | None,
    gaps: list[tuple[str, int]],
    seed: int,
) -> None:
    """Every value is equal as JSON for any ids, devices, times and gaps of a table, and a line is a line."""
    columns: dict[str, Any] = {**ReadingFactory(3).table(ROWS).__dict__}
    for name, row in gaps:
        columns[name] = [*columns[name][:row], None, *columns[name][row + 1 :]]
    columns |= {"reading_id": ids, "device_id": devices, "observed_at": times}
    one = work(ReadingTable(**columns), message_id, published_at)
    same([one], BatchResult([(0, answers(ROWS, seed))]))


def test_a_table_is_one_block_of_lines_of_one_width() -> None:
    """No line is an object before it is accessed."""
    lines = same([work(ReadingFactory(1).table(1_000))], BatchResult([(0, answers(1_000, 1))]))[0].predictions
    assert isinstance(lines, FixedWidthLines)
    assert len(lines) == 1_000
    first, *_, last = lines
    assert (first, last) == (lines[0], lines[-1])
    assert lines[998:] == [lines[998], last]
    with pytest.raises(IndexError):
        lines[1_000]
    assert (
        Prediction.model_validate_json(last).reading_id == f"{Envelope('m1', published_at=AT).identity}/999"
    )


def test_several_tables_and_readings_share_a_batch() -> None:
    """Each work gets the answers of its own rows, whether it is written by columns or not."""
    works = [
        decode_message(
            Envelope("single", body=encode(ReadingFactory(1).reading(reading_id="r1"))),
            default_compiled(),
            kept=True,
        ),
        work(ReadingFactory(2).table(ROWS, prefix="b"), "m2"),
        work(ReadingFactory(3).table(3), "m3"),
        work(ReadingFactory(4).table(ROWS), "m4"),
    ]
    fast = same(works, BatchResult([(0, answers(2 * ROWS + 4, 1))]))
    assert [isinstance(each.predictions, FixedWidthLines) for each in fast] == [False, True, False, True]


def test_refused_and_failed_rows_keep_their_places() -> None:
    """Refused rows leave the row numbers of the others as they are; where the model failed, lines are written one by one."""
    columns: dict[str, Any] = {**ReadingFactory(5).table(ROWS).__dict__}
    for name in ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"):
        columns[name] = [None, *columns[name][1:]]
    one = work(ReadingTable(**columns))
    assert one.usable == ROWS - 1
    fast = same([one], BatchResult([(0, answers(ROWS - 1, 1))]))
    assert isinstance(fast[0].predictions, FixedWidthLines)
    assert (said(fast[0].predictions)[0]["row"], len(fast[0].rejections)) == (1, 1)
    whole = work(ReadingFactory(5).table(ROWS))
    failed = BatchResult([(0, answers(7, 1)), (8, answers(ROWS - 8, 1))], {7: "it failed"})
    assert len(same([whole], failed)[0].predictions) == ROWS - 1


def test_what_would_be_blanks_for_the_most_part_is_written_one_by_one() -> None:
    """One long name among short ones does not make a hundred thousand lines as long."""
    columns: dict[str, Any] = {
        **ReadingFactory(1).table(ROWS).__dict__,
        "device_id": ["d"] * (ROWS - 1) + ["x" * 200],
    }
    lines = same([work(ReadingTable(**columns))], BatchResult([(0, answers(ROWS, 1))]))[0].predictions
    assert not isinstance(lines, FixedWidthLines)


def test_what_is_no_probability_is_written_one_by_one() -> None:
    """Numbers outside of 0 to 1, and none at all, have no eight characters."""
    for odd in (-1.0, 2.0, np.nan):
        found = answers(ROWS, 1)
        found.probabilities[3, 1] = odd
        lines = same([work(ReadingFactory(1).table(ROWS))], BatchResult([(0, found)]))[0].predictions
        assert not isinstance(lines, FixedWidthLines)


def test_sampled_lines_stand_among_the_others() -> None:
    """Some predictions of a table repeat their features, as they were written, and the block stays one."""
    table = ReadingFactory(6).table(ROWS)
    one = work(table)
    result = BatchResult([(0, answers(ROWS, 2))])
    lines = encode_lines([one], feature_matrix([one], default_compiled()), result, at=AT, revision="r")
    before = said(lines[0].predictions)
    sample_features(BatchPart([one], feature_matrix([one], default_compiled()), result, lines), most=3)
    sampled = lines[0].predictions
    assert isinstance(sampled, FixedWidthLines)
    assert bytes(joined(sampled)) == b"".join(sampled)
    wanted = {0, 1, 2, *np.flatnonzero(result.runs[0][1].out_of_distribution)[:3].tolist()}
    for nth, (line, plain) in enumerate(zip(said(sampled), before, strict=True)):
        features = {name: getattr(table, name)[nth] for name in FEATURES}
        assert line == ({**plain, "features": features} if nth in wanted else plain)


@pytest.mark.parametrize("rows", [3, 200_000], ids=["a few", "more than a megabyte"])
def test_the_lines_of_several_are_joined_in_their_order(rows: int) -> None:
    """Even lines, some of them replaced, beside a single one and none: in one piece what they are one by one."""
    content = memoryview(b"".join(b"%09d\n" % nth for nth in range(rows)))
    even = FixedWidthLines(content, 10, {0: b"first\n", rows - 1: b"the last one\n"})
    for lines in (
        even,
        FixedWidthLines(content, 10),
        chained([even, [b"alone\n"], [], FixedWidthLines(content, 10)]),
    ):
        assert bytes(joined(lines)) == b"".join(lines)
        assert len(lines) >= rows
