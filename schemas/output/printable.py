"""Printable: text of unknown origin as a terminal may show it, without what would steer it."""

from __future__ import annotations


def printable(text: str, *, keep: str = "") -> str:
    r"""Escape control characters, changes of direction and lone surrogates as Python writes them: `\x1b`, `\u202e`.

    `keep` names the characters that are left as they are, such as the line breaks of a text of several lines.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode()
        for each in text
    )
