"""The page of guarantees, held against the tests that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
NAMED: Final = sorted(
    set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/guarantees.md").read_text()))
)


def test_the_page_names_tests() -> None:
    """A page without tests would promise nothing."""
    assert len(NAMED) > 20


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_every_test_that_is_named_as_holding_a_promise_exists(file: str, test: str) -> None:
    """A promise whose test was renamed or removed is noticed."""
    tree = ast.parse((ROOT / file).read_text())
    functions = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert test in functions
