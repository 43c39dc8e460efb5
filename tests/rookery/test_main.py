"""The program `rookery`: defects and missing parts become sentences."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRAME = """
import sys, types, rookery.cli
from rookery.errors import UserError
def command():
    def run(prog_name):
        raise {error}
    return run
rookery.cli.command = command
from rookery.__main__ import main
main()
"""


def ended_with(error: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FRAME.format(error=error)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        ("ValueError('the sea\\n is frozen')", 70, "rookery: ValueError: the sea is frozen\n"),
        (r"UserError('no\x1b[2J\nforged\u202e', hint='no\x1b')", 2, r"rookery: no\x1b[2J\nforged\u202e"),
        ("KeyError()", 70, "rookery: KeyError: no message\n"),
        ("ModuleNotFoundError('no', name='xgboost')", 2, "rookery: xgboost is not installed.\n"),
    ],
)
def test_an_error_becomes_a_sentence(error: str, code: int, sentence: str) -> None:
    """After any error a user reads one sentence and a hint, and a script gets a documented exit code."""
    shown = ended_with(error)
    assert shown.returncode == code
    assert shown.stderr.startswith(sentence)
    assert shown.stderr.count("\n") == 2


def test_the_traceback_is_printed_on_request() -> None:
    """ROOKERY_DEBUG=1 prints the traceback."""
    assert "Traceback" in ended_with("ValueError('x')", ROOKERY_DEBUG="1").stderr
