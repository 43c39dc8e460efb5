"""RookeryProcess: one of Rookery's own programs as a child process, whose failure is reported as a UserError."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rookery.errors import UserError
from rookery.load.child_process import ChildProcess, module_command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WORKER: Final = ("rookery.worker",)
"""The module that a worker usually is, and its arguments."""


class EnvironmentProcess(ChildProcess):
    """A child process whose failure is a UserError, with the end of its log as the hint."""

    def failure(self, message: str) -> Exception:
        """The failure for the user."""
        return UserError(message, hint=self.tail())


class RookeryProcess(EnvironmentProcess):
    """`python -P -m MODULE` with its log and its ready file in `folder`."""

    def __init__(
        self,
        module: str,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        command = module_command(module, *arguments)
        super().__init__(module.rpartition(".")[2], command, folder=folder, environment=settings)


def broker(folder: Path, *, port: int = 0) -> RookeryProcess:
    """The embedded broker, in memory, on any free port of the loopback unless one is given."""
    arguments = ["--memory", "--host", "127.0.0.1", "--port", str(port)]
    arguments += ["--ready-file", str(folder / "broker.ready")]
    return RookeryProcess("rookery.broker", folder, arguments=arguments)


def worker(  # noqa: PLR0913  each is a choice of its own, by keyword
    folder: Path,
    *,
    results: Path | str,
    rejects: Path | str,
    port: int = 0,
    settings: Mapping[str, str] | None = None,
    command: Sequence[str] = WORKER,
) -> RookeryProcess:
    """A worker that writes into two folders or to two addresses, on any free port of the loopback unless one is given."""
    module, *arguments = command
    chosen = {
        **(settings or {}),
        "ROOKERY_HOST": "127.0.0.1",
        "ROOKERY_PORT": str(port),
        "ROOKERY_RESULTS": _address(results),
        "ROOKERY_REJECTS": _address(rejects),
        "ROOKERY_READY_FILE": str(folder / f"{module.rpartition('.')[2]}.ready"),
    }
    return RookeryProcess(module, folder, arguments=arguments, settings=chosen)


def _address(where: Path | str) -> str:
    return where if isinstance(where, str) else where.absolute().as_uri()
