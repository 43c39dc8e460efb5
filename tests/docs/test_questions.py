"""The thirteen questions: each answer names what shows it, and its figures are those of the pages that measure them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "thirteen-questions.md").read_text()
ANSWERS = re.split(r"^## \d+\. ", PAGE, flags=re.MULTILINE)[1:]
CODE = re.compile(r"`((?:make|rookery) [^`]+|(?:[\w.-]+/)+[\w.-]+|Dockerfile)`")


def rows(text: str) -> dict[str, list[str]]:
    """The rows of the Markdown tables of a text by their first word."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return {row[0].split(":")[0]: row for row in cells}


def test_thirteen_questions_are_answered() -> None:
    """Each is a question, and each answer is longer than it."""
    assert len(ANSWERS) == 13
    for each in ANSWERS:
        question, _, answer = each.partition("\n")
        assert question.endswith("?")
        assert len(answer) > len(question)


@pytest.mark.parametrize("number", range(1, 14))
def test_an_answer_names_something_that_runs(number: int) -> None:
    """Each names a command, or a file of the repository that is there."""
    named = CODE.findall(ANSWERS[number - 1])
    assert named
    paths = [each for each in named if not each.startswith(("make ", "rookery "))]
    assert [each for each in paths if not (ROOT / each).exists()] == []


def test_the_first_answer_names_new_species_and_drift() -> None:
    """It states their rates, as the page of rates does, and the product's behaviour."""
    first = ANSWERS[0]
    assert {"A new species", "Drift"} <= set(rows(first))
    rates = rows((ROOT / "docs" / "explanation" / "out-of-distribution.md").read_text())
    stated = re.findall(r"[\d.]+ %", rows(first)["A new species"][1])
    kinds = ("emperor penguin", "macaroni penguin", "known penguins, held out")
    assert stated == [rates[kind][1].replace("100.0", "100") for kind in kinds]


@pytest.mark.parametrize("shape", ["baseline", "normal", "spike", "stress"])
def test_the_third_answer_has_the_measured_figures(shape: str) -> None:
    """Readings, throughput and latency of each load are those of the load report."""
    _, readings, published, p50, p99, lost = rows(ANSWERS[2])[shape]
    _, _, *measured = rows((ROOT / "docs" / "load-report.md").read_text())[shape]
    latency = re.sub(r" \([\d,]+\)$", "", measured[4])
    assert [readings, published, f"{p50} / {p99}", lost] == [*measured[:2], latency, measured[5]]


def test_the_third_answer_has_the_figures_of_the_benchmark() -> None:
    """One worker answers as many as the page of performance says."""
    figures = (ROOT / "docs" / "performance.md").read_text()
    single, table = re.findall(r"answers ([\d,]+) single readings or ([\d,]+) rows", ANSWERS[2])[0]
    assert re.search(rf"^\| Rookery \| [^|]+\| {single} ", figures, flags=re.MULTILINE)
    assert re.search(rf"^\| Rookery, JSON \| 1,000 \| {table} ", figures, flags=re.MULTILINE)
