"""Ctrl-C while a command still imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

WAITS = """
import sys

class Waits:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.stdout.write("importing\\n")
            sys.stdout.flush()
            sys.stdin.read()

sys.meta_path.insert(0, Waits())
"""
"""Stops a program in the middle of an import until its standard input ends."""

PROGRAMS = {
    "the command line": (["--help"], "rookery.cli"),
    "a command": (["plan", "--rate", "50/s"], "rookery.capacity.run"),
    "the worker": (["serve", "--port", "0"], "uvloop"),
    "the broker": (["broker", "--port", "0"], "rookery.broker.faults"),
    "training": (["train", "--out", "{tmp}/model.ubj"], "rookery.training.recipe"),
    "the page": (["watch", "{tmp}", "--port", "0"], "rookery.watch.server"),
}


@pytest.mark.parametrize(("arguments", "module"), PROGRAMS.values(), ids=PROGRAMS)
def test_an_interrupted_import_ends_without_a_traceback(
    arguments: list[str], module: str, tmp_path: Path
) -> None:
    """The command ends by the signal or with 130, and prints at most one line."""
    (tmp_path / "sitecustomize.py").write_text(WAITS.format(module=module))
    with subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "rookery",
            *(each.replace("{tmp}", str(tmp_path)) for each in arguments),
        ],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=50)
    assert process.returncode in {-signal.SIGINT, 130}
    assert "Traceback" not in said
    assert len(said.splitlines()) <= 1


@pytest.mark.timeout(200)
def test_no_command_shows_a_traceback_wherever_it_is_interrupted(tmp_path: Path) -> None:
    """Each command, with its own example, ends by the signal or with 130 and at most one line, at the first module of its own and at a later one."""
    (tmp_path / "each.py").write_text(EACH_COMMAND)
    done = subprocess.run(
        [sys.executable, "-P", str(tmp_path / "each.py")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        timeout=200,
    )
    said = [line.split("\t") for line in done.stdout.splitlines()]
    assert len({command for command, *_ in said}) > 30
    interrupted = [each for each in said if each[2] != "not reached"]
    assert len(interrupted) > 40
    assert [each for each in interrupted if each[2] not in {f"{-signal.SIGINT}", "130"}] == []
    assert [each for each in interrupted if "Traceback" in each[3] or each[3].count("\\n") > 1] == []


EACH_COMMAND = """
import os, re, shlex, signal, sys
import typer.main
import rookery.cli
from rookery.__main__ import main

def leaves(command, words=()):
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from leaves(each, (*words, name))
    else:
        yield shlex.split(re.search(r"rookery .*", command.help)[0])

class Interrupts:
    def __init__(self, nth):
        self.left = nth

    def find_spec(self, name, path=None, target=None):
        self.left -= name.startswith("rookery.")
        if self.left == 0:
            self.left = -1
            signal.raise_signal(signal.SIGINT)

for words in leaves(typer.main.get_command(rookery.cli.app)):
    for nth in (1, 12):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            for number in (0, 1):
                os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.dup2(writing, 2)
            # An interrupt is not reached by what goes on as another program, or needs no further import.
            os.execv = os.execve = os.execvp = lambda *_: os._exit(77)
            sys.argv = words
            meta = Interrupts(nth)
            sys.meta_path.insert(0, meta)
            try:
                main()
            except SystemExit as end:
                sys.stderr.flush()
                os._exit(77 if meta.left > 0 else end.code or 0)
        os.close(writing)
        said = os.fdopen(reading).read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(" ".join(words), nth, "not reached" if code == 77 else code, repr(said), sep="\\t")
"""
"""Forks for each command, and interrupts it by a signal in the middle of its imports."""
