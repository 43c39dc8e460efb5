"""The report of a training run, as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rookery.schemas.artifact import Candidate, Scores, TrainingReport

MOST_SHOWN: Final = 12
"""Labels that are named; a table of more fits no terminal."""


def render(report: TrainingReport) -> Group:
    """Show what was chosen and how well it does, as something that rich can print."""
    tables = [_choice(report), _scores(report)]
    if 0 < len(report.cross_validated.confusion) <= MOST_SHOWN:
        tables.append(_confusion(report.cross_validated))
    if report.hidden:
        tables.append(_hidden(report))
    return Group(*tables)


def _choice(report: TrainingReport) -> Table:
    counted = [f"{count} {escape(name)}" for name, count in report.label_counts.items()]
    if len(counted) > MOST_SHOWN:
        counted = [*counted[:MOST_SHOWN], f"{len(counted) - MOST_SHOWN} other labels"]
    left_out = f"{report.left_out} rows without label or measurement left out"
    table = Table(title=f"Learned from {', '.join(counted)} ({left_out})")
    for column in ("model", "depth", "rounds", "leaves", "log loss", "misclassified"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for candidate in report.candidates:
        table.add_row(f"best of depth {candidate.depth}", *_cells(candidate))
    choice = (
        "chosen: the smallest that loses nothing" if len(report.candidates) > 1 else "taken: the one size"
    )
    table.add_row(choice, *_cells(report.chosen), style="bold")
    return table


def _cells(candidate: Candidate) -> tuple[str, ...]:
    loss = f"{candidate.log_loss:.4f} ± {candidate.standard_error:.4f}"
    return str(candidate.depth), str(candidate.rounds), str(candidate.leaves), loss, f"{candidate.wrong:.2f}"


def _scores(report: TrainingReport) -> Table:
    unseen = f"unseen readings ({report.folds} folds, {report.repeats} times)"
    table = Table("", title="How well it does")
    for column in (unseen, "the training readings"):
        table.add_column(column, justify="right")
    pair = (report.cross_validated, report.training)
    table.add_row("accuracy", *(f"{each.accuracy:.2%}" for each in pair))
    for name in list(report.label_counts)[:MOST_SHOWN]:
        table.add_row(f"recall of {escape(name)}", *(f"{each.recall[name]:.2%}" for each in pair))
    table.add_row("log loss", *(f"{each.log_loss:.4f}" for each in pair))
    table.add_row("flagged out of distribution", f"{report.false_alarms:.2%}", "")
    return table


def _confusion(scores: Scores) -> Table:
    table = Table("label", title="Unseen readings: what was called what, mean of the repeats")
    for name in scores.recall:
        table.add_column(f"called {escape(name)}", justify="right")
    for name, row in zip(scores.recall, scores.confusion, strict=True):
        table.add_row(escape(name), *(f"{count:.2f}" for count in row))
    return table


def _hidden(report: TrainingReport) -> Table:
    table = Table("without", title="Unseen readings with features missing")
    table.add_column("accuracy", justify="right")
    for names, accuracy in report.hidden.items():
        table.add_row(escape(names), f"{accuracy:.2%}")
    return table
