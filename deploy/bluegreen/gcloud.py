"""Gcloud: run its commands, or in a dry run only print them."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import Any, Final

from bluegreen.errors import GcloudError


@dataclass(frozen=True, slots=True)
class Gcloud:
    """The `gcloud` on the PATH, for one project; nothing is run where `dry`."""

    project: str
    dry: bool = False
    _tokens: list[tuple[float, str]] = field(default_factory=list, compare=False, repr=False)

    def run(self, *words: str) -> str:
        """Run a command to its end and give what it printed, nothing in a dry run; raises GcloudError."""
        command = ["gcloud", *words, f"--project={self.project}", "--quiet"]
        print("+", shlex.join(command), flush=True)  # noqa: T201  a release says what it does
        if self.dry:
            return ""
        code, said = _ended(command)
        if code:
            raise GcloudError(f"`{shlex.join(command[:4])} ...` ended with exit code {code}")
        return said.strip()

    def token(self) -> str:
        """Give an access token, the latest one for some minutes of its hour; raises GcloudError."""
        now = time.monotonic()
        if not self._tokens or now - self._tokens[-1][0] > _TOKEN_S:
            self._tokens.append((now, self.run("auth", "print-access-token")))
        return self._tokens[-1][1]

    def ask(self, *words: str) -> Any:
        """Run a command that answers in JSON; an empty object in a dry run. Raises GcloudError."""
        said = self.run(*words, "--format=json")
        try:
            return json.loads(said or "{}")
        except ValueError as error:
            raise GcloudError(f"`gcloud {words[0]} {words[1]}` answered no JSON: {error}") from None


def _ended(command: list[str]) -> tuple[int, str]:
    """Run a command to its end, whatever happens to the release meanwhile; raises GcloudError."""
    early: list[int] = []
    handlers = {each: signal.signal(each, lambda number, _: early.append(number)) for each in _SIGNALS}
    try:
        # In a session of its own: Ctrl-C is for the release, which then takes back what the command did.
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603  no shell
    except OSError as error:
        raise GcloudError(f"gcloud cannot be run: {error.strerror}") from None
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    with running:
        try:
            # A signal that arrives while the command starts must not leave it running without a parent that waits for it.
            for each in early:
                signal.raise_signal(each)
            said, _ = running.communicate()
        except BaseException:
            # Cut off in the middle it could still take effect, after the way back.
            running.communicate()
            raise
    return running.returncode, said


_TOKEN_S: Final = 300.0

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
