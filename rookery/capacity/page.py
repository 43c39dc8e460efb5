"""The plan as a page and as a table in the terminal: load over time, and the price of a million readings."""

from __future__ import annotations

from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Final

from rich.table import Table

from rookery.capacity.monthly_page import idle_sentence, monthly_rows, monthly_svg
from rookery.capacity.plan import load_of
from rookery.load.report.page import framed, table_of
from rookery.load.report.plots import THEMED, as_svg, bars, figure, lines
from rookery.load.report.series import Series, rates
from rookery.load.simulation.prices import Bill, Prices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from rookery.capacity.monthly_page import Month
    from rookery.capacity.plan import PlanRequest, PlanResult
    from rookery.capacity.scenario import SimulationOutcome
    from rookery.load.report.plots import Palette

_BILLED: Final = {
    "publish": "Pub/Sub, publish",
    "push": "Pub/Sub, push",
    "requests": "Cloud Run, requests",
    "cpu": "Cloud Run, CPU",
    "memory": "Cloud Run, memory",
    "storage": "Cloud Storage, writes",
}


def page(question: PlanRequest, answers: Sequence[PlanResult], ways: Sequence[Month], known: Prices) -> str:
    """The plan as HTML: the month first, then the shape."""
    title = f"{question.rate:,.0f} readings a second at the most: {question.shape}, {question.seconds:g} s"
    head, *rows = monthly_rows(ways, load_of(question), known)
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(idle_sentence(*ways[0], known))}</p>",
        f'<p class="soft">{escape(premises(question, known))}</p>',
        f"<h2>A month of {question.rate:,.0f} single readings a second</h2>",
        f'<div class="plots"><figure><figcaption>Dollars a month</figcaption>{monthly_svg(ways)}</figure></div>',
        table_of(head, rows),
    ]
    for answer in answers:
        parts.append(f"<h2>{escape(answer.name.capitalize())}</h2>")
        parts.append(f'<div class="plots">{"".join(_plots(answer))}{_price(answer)}</div>')
    head, *rows = rows_of(answers)
    parts += ["<h2>In figures</h2>", table_of(head, rows)]
    return framed(title, parts)


def table(answers: Sequence[PlanResult]) -> Table:
    """The plan for a terminal."""
    return drawn(rows_of(answers))


def drawn(rows: Sequence[Sequence[str]]) -> Table:
    """Rows with a header, for a terminal."""
    head, *others = rows
    made = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for place, name in enumerate(head):
        made.add_column(name, justify="right" if place else "left")
    for row in others:
        made.add_row(*row)
    return made


def rows_of(answers: Sequence[PlanResult]) -> list[list[str]]:
    """All figures: a header, then one row a figure, one column a way of sending."""
    dollars = [
        [f"$ per million: {_BILLED[each.name]}", *(f"{getattr(one.bill, each.name):.4f}" for one in answers)]
        for each in fields(Bill)
    ]
    return [
        ["", *(answer.name for answer in answers)],
        ["messages", *(f"{answer.outcome.published:,}" for answer in answers)],
        ["readings durable", *(f"{answer.readings:,}" for answer in answers)],
        ["readings a second, start to last ack", *(_throughput(answer) for answer in answers)],
        ["publication to ack, p50 s, of all messages", *(f"{answer.outcome.p50:.2f}" for answer in answers)],
        ["publication to ack, p99 s, of all messages", *(f"{answer.outcome.p99:.2f}" for answer in answers)],
        ["most messages in the backlog", *(f"{_most(answer.outcome):,}" for answer in answers)],
        ["most instances", *(f"{answer.outcome.most_instances}" for answer in answers)],
        [
            "refused or expired",
            *(f"{answer.outcome.nacked + answer.outcome.expired:,}" for answer in answers),
        ],
        *dollars,
        ["$ per million, all", *(f"{answer.bill.total:.4f}" for answer in answers)],
    ]


def _throughput(answer: PlanResult) -> str:
    finished = answer.outcome.finished_at
    return f"{answer.readings / finished if finished else 0.0:,.0f}"


def _most(outcome: SimulationOutcome) -> int:
    return max(each.backlog for each in outcome.seconds)


def premises(question: PlanRequest, known: Prices) -> str:
    """The assumptions of the plan, as text."""
    service, platform, deployment = question.service, question.platform, question.deployment
    return (
        f"Simulated, not measured. Broker: Rookery's own scheduler by production's push rules. Service times of {service.date} "
        f"({service.machine}): {service.per_batch * 1e6:.0f} us a batch, {service.per_message * 1e6:.0f} us a message, "
        f"{service.per_row * 1e6:.1f} us a row; {service.start:g} s to start; {service.write * 1e3:.0f} ms an object, one each "
        f"{service.flush_interval_seconds:g} s. Cloud Run: {platform.concurrency} requests at once, {platform.min_instances} to "
        f"{platform.max_instances} instances of {deployment.vcpu:g} vCPU and {deployment.gib:g} GiB with the collector, "
        f"{deployment.billing.value} billing. List prices of {known.date}, {known.region}."
    )


def _plots(answer: PlanResult) -> list[str]:
    seconds = answer.outcome.seconds
    at = [each.at for each in seconds]
    drawn: dict[str, tuple[list[Series], str, float | None]] = {
        "Readings a second": (
            [
                rates("published", [(each.at, each.published * answer.rows) for each in seconds]),
                rates("acked", [(each.at, each.acked * answer.rows) for each in seconds]),
            ],
            "readings/s",
            0,
        ),
        "Backlog": ([Series("backlog", at, [each.backlog for each in seconds])], "messages", 0),
        f"Publication to ack of {answer.outcome.acked:,} messages": (
            [
                Series("p50", *_known([(each.at, each.p50) for each in seconds])),
                Series("p99", *_known([(each.at, each.p99) for each in seconds])),
            ],
            "s",
            None,
        ),
        "Instances": ([Series("instances", at, [each.instances for each in seconds])], "instances", 0),
        "Push window": ([Series("window", at, [each.window for each in seconds])], "pushes at once", 0),
    }
    return [
        f"<figure><figcaption>{escape(title)}</figcaption>{as_svg(figure(_draw(*each), THEMED))}</figure>"
        for title, each in drawn.items()
    ]


def _price(answer: PlanResult) -> str:
    """The price of a million readings, by what it is paid for."""
    counts = [
        (_BILLED[each.name].replace(", ", ",\n"), getattr(answer.bill, each.name)) for each in fields(Bill)
    ]
    drawn = figure(lambda axes, palette: bars(axes, palette, counts, unit="dollars", across=""), THEMED)
    title = f"Price of a million readings: ${answer.bill.total:.4f}"
    return f"<figure><figcaption>{escape(title)}</figcaption>{as_svg(drawn)}</figure>"


def _known(points: Sequence[tuple[float, float | None]]) -> tuple[list[float], list[float]]:
    both = [(at, value) for at, value in points if value is not None]
    return [at for at, _ in both], [value for _, value in both]


def _draw(series: list[Series], unit: str, minimum: float | None) -> Callable[[Any, Palette], None]:
    return lambda axes, palette: lines(axes, palette, series, unit=unit, lowest=minimum)
