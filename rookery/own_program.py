"""Own programs: a package of Rookery that takes this process's place, so that signals reach it directly."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from rookery.installed import require

if TYPE_CHECKING:
    from typing import NoReturn


def become(
    package: str,
    arguments: list[str],
    *,
    needs: tuple[str, ...],
    modules: tuple[str, ...] = (),
    settings: dict[str, str] | None = None,
) -> NoReturn:
    """Replace this process by the package's own program, so that signals reach it directly.

    `needs` are extras, `modules` further modules that it cannot do without.
    """
    require(*needs, modules=modules)
    sys.stdout.flush()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGINT}
        )  # it hears Ctrl-C once it can end without a traceback
    command = [sys.executable, "-P", "-m", package, *arguments]
    os.execve(sys.executable, command, {**os.environ, **(settings or {})})  # noqa: S606  our own program, no shell
