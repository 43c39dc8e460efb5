"""Printable: what a terminal would obey is shown, and everything else stays as it is."""

from __future__ import annotations

import sys

import pytest

from rookery.schemas.output.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Adélie 企鵝 🐧 -1.5", "Adélie 企鵝 🐧 -1.5"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("\x7f\x80\x9b31m", r"\x7f\x80\x9b31m"),
        ("gnp.\u202eexe\u2028", r"gnp.\u202eexe\u2028"),
        ("\ud800", r"\ud800"),
        ("", ""),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    """Escape sequences, forged lines, reversed names: each is visible as what it is."""
    assert printable(text) == shown


def test_only_printable_characters_and_those_kept_come_through() -> None:
    """Of all of Unicode, only printable characters pass, and those that `keep` names."""
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert printable(every).isprintable()
    assert set(printable(every, keep="\n\t")) - set(printable(every)) == {"\n", "\t"}
