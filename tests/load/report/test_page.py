"""The report of a run: every figure where it belongs, and a page that is whole in itself."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from rookery.load.accounting.ledger import Account, Wrong
from rookery.load.renamed import FIELDS
from rookery.load.report import series
from rookery.load.report.page import page
from rookery.load.report.plots import LIGHT, as_png, plots
from rookery.load.report.run_folder import read
from rookery.load.report.summary import ceiling

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.load.report.run_folder import RunFolder

    Written = Callable[..., RunFolder]


def test_throughput_goes_on_after_the_swarm(written: Written) -> None:
    """While the swarm is there its listener counts; afterwards the worker's batches do, until all is durable."""
    run = read(written())
    published, durable = series.throughput(run)
    assert (set(published.values), set(durable.values)) == ({100.0, 0.0}, {80.0})
    assert len(durable.values) == 7
    (backlog,) = series.backlog(run)
    assert (max(backlog.values), backlog.values[-1]) == (100.0, 0.0)


def test_a_moment_is_no_second() -> None:
    """A last look, a hundredth of a second after the one before, makes no peak: it counts with what follows."""
    found = series.rates("published", [(0.0, 0.0), (1.0, 100.0), (1.01, 150.0), (2.0, 200.0), (2.1, 230.0)])
    assert (found.seconds, found.values) == ([1.0, 2.0], [100.0, 100.0])


def test_a_table_now_and_then_is_no_zigzag() -> None:
    """A plotted rate is the mean of five seconds: 500 readings each second second are 250 a second, not 0 and 500 in turns."""
    each = series.Series("published", [float(at) for at in range(1, 11)], [500.0, 0.0] * 5)
    found = series.smoothed(each)
    assert found.seconds == each.seconds
    assert all(200.0 <= value <= 300.0 for value in found.values[3:])


def test_the_end_of_the_swarm_is_no_drop(written: Written) -> None:
    """The second that the stop cut short, without users and with the few answers of a moment, is not plotted."""
    folder = written()
    last = json.loads(folder.beats.read_text().splitlines()[-1])
    stopped = {**last, "at": last["at"] + 0.1, "users": 0, "cpu": 0.0, "publish_p50_ms": 900.0}
    folder.beats.write_text(folder.beats.read_text() + json.dumps(stopped) + "\n")
    run = read(folder)
    drawn = [*series.users(run), *series.publish_latency(run), series.cpu(run)[0]]
    assert [set(each.values) for each in drawn] == [{10.0}, {3.0}, {20.0}, {0.25}]


def test_percentiles_say_what_they_rest_on(written: Written) -> None:
    """Each plot of latency has p50 and p99 in its legend, the number of measurements in its title, and names its log axis."""
    text = page(read(written()))
    assert "<figcaption>From publication to durable, 100 readings<" in text
    assert "<figcaption>Publish latency of 0 requests<" in text
    assert text.count("ms, log scale<") == 2
    assert "publication to durable, p50 of 100 readings" in text
    assert len(re.findall(r">p99<", text)) == 2


def test_whole_things_have_whole_ticks(written: Written) -> None:
    """Users, readings and batches come in ones: no tick stands at a half, however few there are."""
    folder = written()
    folder.beats.write_text(folder.beats.read_text().replace('"users": 10', '"users": 1'))
    axes = plots(read(folder), LIGHT)["Users"].axes[0]
    assert [each % 1 for each in axes.get_yticks()] == [0.0] * len(axes.get_yticks())
    assert len(axes.get_yticks()) >= 2


def test_batches_are_counted_by_size(written: Written) -> None:
    """The worker's cumulative buckets become batches of each size; what is empty at the ends is left out."""
    assert series.batch_sizes(read(written())) == [("1", 70.0), ("2", 140.0), ("4", 70.0)]


def test_the_page_is_whole_in_itself(written: Written) -> None:
    """Nothing is fetched from anywhere, every plot is there, colours follow the reader, text cannot be markup."""
    text = page(read(written()))
    assert text.count("<svg") == text.count("<figure>") == 9
    assert re.findall(r'(?:src|href)="(?!data:,|[a-z]+\.(?:json|ndjson|html|tsv)|#)[^"]*"', text) == []
    assert "prefers-color-scheme: dark" in text
    assert "var(--first)" in text
    assert "#030303" not in text
    assert "A &lt;fast&gt; one" in text


def test_a_closed_account_is_said(written: Written) -> None:
    """The verdict stands above everything, with its sum."""
    text = page(read(written()))
    assert "Reconciliation passed</b>: 500 published = 480 predicted + 20 rejected + 0 lost." in text


def test_an_open_account_is_said_with_its_readings(written: Written) -> None:
    """A lost or wrong reading is named."""
    wrong = Wrong(reading_id="r-9", expected="Adelie", found="Gentoo")
    account = Account(published=3, predicted=1, rejected=1, lost=("r-7",), wrong=(wrong,))
    text = page(read(written(account=account)))
    assert "Reconciliation failed" in text
    assert "r-7" in text
    assert "r-9: Gentoo for Adelie" in text


def test_pictures_are_pictures(written: Written) -> None:
    """The same plots come as PNG for a document."""
    drawn = plots(read(written()), LIGHT)
    assert as_png(drawn["Readings a second"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(("cpu", "said"), [("0.25", "was not what limits"), ("0.97", "near its own limit")])
def test_the_swarm_says_how_near_its_limit_it_was(cpu: str, said: str, written: Written) -> None:
    """A swarm that needs all of its core measures itself."""
    folder = written()
    folder.beats.write_text(folder.beats.read_text().replace('"cpu": 0.25', f'"cpu": {cpu}'))
    assert said in ceiling(read(folder))


def test_a_run_of_the_former_version_is_read(written: Written) -> None:
    """Former names of fields in a run's files stand for today's."""
    folder = written()
    expected = read(folder)
    former = {today: name for name, today in FIELDS.items()}
    for file in (folder.record, folder.beats):
        text = file.read_text()
        for today, name in former.items():
            text = text.replace(f'"{today}":', f'"{name}":')
        file.write_text(text)
    assert all(f'"{name}":' in folder.record.read_text() for name in former.values())
    assert read(folder) == expected
