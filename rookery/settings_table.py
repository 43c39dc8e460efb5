"""The settings as a table of Markdown, written into README.md by `make readme`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import AliasChoices

from worker.settings import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

BEGIN: Final = "<!-- settings: written by `make readme` from worker/settings.py -->\n"
END: Final = "<!-- end of settings -->\n"
_ROOT: Final = Path(__file__).parents[1]


def table() -> str:
    """One row a setting: its variables, its default, what it does."""
    rows = [
        f"| {_variables(name, field)} | {_default(field)} | {' '.join((field.description or '').split())} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | |", "|---|---|---|", *rows]) + "\n"


def renewed(text: str) -> str:
    """Put the table between its marks; raises ValueError where they are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = f"the marks of the settings table are missing: {BEGIN.strip()} and {END.strip()}"
        raise ValueError(message)
    return f"{before}{begin}\n{table()}\n{end}{after}"


def _variables(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [alias or f"ROOKERY_{name.upper()}"]
    return ", ".join(f"`{each}`" for each in names)


def _default(field: FieldInfo) -> str:
    if field.default in {None, ""}:
        return "none"
    return f"`{re.sub(f'^{re.escape(str(_ROOT))}/', '', str(field.default))}`"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(renewed(readme.read_text()))
