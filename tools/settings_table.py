"""The settings as a table of Markdown, which `make reference` writes."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rookery.worker import settings
from rookery.worker.settings import Settings, variables

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_ROOT: Final = Path(__file__).parents[1]


def table() -> str:
    """One row a setting: its variables, its default, what it does."""
    words = _words()
    rows = [
        f"| {', '.join(f'`{each}`' for each in variables(name, field))} | {_default(field)} | {words[name]} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | |", "|---|---|---|", *rows]) + "\n"


def _words() -> dict[str, str]:
    """Give the text under each setting; pydantic would read it too, but each time that a worker starts."""
    source = ast.parse(Path(settings.__file__).read_text())
    return {
        ast.unparse(field.target): " ".join(str(text.value.value).split())
        for kind in source.body
        if isinstance(kind, ast.ClassDef)
        for field, text in pairwise(kind.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def _default(field: FieldInfo) -> str:
    if field.default in {None, ""}:
        return "none"
    return f"`{re.sub(f'^{re.escape(str(_ROOT))}/', '', str(field.default))}`"
