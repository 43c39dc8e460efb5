"""The words of names, help, settings, metrics, logs, page and documents: the field's terms, in plain English."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
READ: Final = {
    ".py",
    ".md",
    ".html",
    ".js",
    ".css",
    ".tf",
    ".json",
    ".yml",
    ".yaml",
    ".toml",
    ".sql",
    ".ipynb",
    "",
}
"""Endings of the files that are read; the empty one is that of Makefile and Dockerfile."""
EXEMPT: Final = {
    "CHANGELOG.md": "it lists former names",
    "LICENSE": "its words are the licence's",
    "docs/glossary.md": "it translates former words",
    "docs/reference/metrics.md": "it lists deprecated metrics under their former names",
    "load/renamed.py": "it reads former names",
    "tests/test_words.py": "it lists the words themselves",
    "worker/observability/former_names.py": "it shows former names",
    "worker/setting_names.py": "it reads former names",
}

TERMS: Final = {
    r"told|tells|telling": "reported, predicted, retried",
    r"spoilt": "malformed, invalid",
    r"mend(s|ed|ing)?": "fix",
    r"(come|comes|came|coming) (again|twice)": "is redelivered, retried, a duplicate",
    r"under way|on (its|their) way": "in flight, in progress",
    r"nobody(?! has to watch)|somebody": "name the subject",
    r"whoever|whomever|whom": "name the subject",
    r"birds?(?!\")": "reading, penguin",
    r"lanes?": "path, queue, protocol",
    r"shelf|shelves": "registry",
    r"venues?": "results location",
    r"storms?|storming|gusts?": "burst, open-loop load, workload",
    r"unlike|strange|strangers?": "out-of-distribution, unknown",
    r"rightly": "accuracy, correct",
    r"guilty": "failed rows",
    r"rooms?|floors?": "package, layer",
    r"in a rush": "burst",
    r"half within|half as fast": "p50",
    r"proven|takes up|taken up": "validated, hot-reloaded",
    r"(?<!known )last good": "last known good",
    r"broke": "failed to, violated",
    r"quiet since": "idle since",
    r"looked at|looks at|a look at": "checked, check",
    r"intake": "queue limit",
    r"echo (rows|readings|lines)": "feature sample",
    r"wish(es)?": "settings",
    r"afar": "remote",
    r"trouble": "fault, problem",
    r"witness": "observer",
    r"parcels?": "encoded message",
    r"oracle": "expected answers",
    r"truth": "reference, expected",
    r"each once": "no duplicates, deduplicated",
    r"doubtful": "unconfirmed",
    r"the account (closes|closed)": "reconciliation passed",
    r"judged|judges?": "authenticated, checked, decided",
}
"""What is gone, as a pattern, and the terms that stand for it."""

SPOKEN: Final = (
    "told spoilt mended, came again, under way, nobody, whoever, birds in a lane of the shelf and the venue, a storm, unlike, "
    "rightly guilty rooms in a rush, half within, proven, last good, broke, quiet since, looked at, intake, echo rows, wishes "
    "from afar, trouble, witness, parcel, oracle, truth, each once, doubtful, the account closes, judged"
)
"""Each of them once."""

SUBJECT: Final = re.compile(
    r"""(?:\"\"\"|[.;:!]\ |^\s*\#:?\ |^|[|]\ )(?:What|Who|Whoever|Whom|Whose|Nobody|Whatever)\ [a-z][^.?]*(?P<end>[.?]|$)""",
    re.VERBOSE,
)
"""A sentence that begins with a clause instead of a noun; a question may."""


@cache
def written() -> dict[str, str]:
    """The text of every tracked file that is read, names in code split into their words."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return {
        name: words_of((ROOT / name).read_text(encoding="utf-8"))
        for name in listed
        if Path(name).suffix in READ and name not in EXEMPT and not name.startswith("requirements/")
    }


def words_of(text: str) -> str:
    """A text with `snake_case` and `CamelCase` taken apart, line for line."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ")


def found(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    """Where a pattern stands, as `file:line: words`."""
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("term", TERMS)
def test_a_word_of_ones_own_is_gone(term: str) -> None:
    """Wherever the field has a term, that is the word: in names, help, settings, metrics, logs, page and documents."""
    pattern = re.compile(rf"(?i)(?<![a-z])(?:{term})(?![a-z])")
    assert pattern.search(SPOKEN), "the pattern finds nothing"
    assert found(pattern, written()) == [], f"say instead: {TERMS[term]}"


def test_a_sentence_begins_with_its_subject() -> None:
    """No clause with what, who or nobody stands where the noun of the field belongs."""
    begun = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in written().items()
        for number, line in enumerate(text.splitlines(), 1)
        if (match := SUBJECT.search(line)) and match["end"] != "?"
    ]
    assert begun == []


def test_names_are_taken_apart() -> None:
    """A word is found in the middle of a name too."""
    assert words_of("ReadingFactory.birds_told") == "Reading Factory.birds told"
    assert found(re.compile("(?i)(?<![a-z])bird"), {"a": words_of("x = aBird()\ny = 1")}) == [
        "a:1: x = a Bird()"
    ]
    assert SUBJECT.search('"""What a worker holds."""')
    assert not SUBJECT.search("    what = 1")
