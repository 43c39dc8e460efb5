"""`python -m worker`: run the worker with the settings of the environment."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from worker.lean_start import lean_imports

with lean_imports():
    import uvloop
    from pydantic import ValidationError

    from worker.allocator import fix_thresholds
    from worker.app import serve
    from worker.artifacts import ModelRefused
    from worker.errors import Misconfigured
    from worker.logs import configure
    from worker.open_files import allow_most
    from worker.settings import Settings
    from worker.sink import SinkUnavailable
    from worker.stopping import hanging, leave

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger("worker")

MISCONFIGURED: Final = 2
"""Exit code where a setting, the model or a sink cannot be used; the last log line says which."""


SWITCH_SECONDS: Final = 0.0005
"""How long a thread may hold the interpreter while another one waits for it."""


HANG_SECONDS: Final = 0.5
"""How long threads are waited for after all that was taken is answered."""


def main(settings: Callable[[], Settings] = Settings) -> int:
    """Serve until told to stop; returns the exit code."""
    try:
        chosen = settings()
    except ValidationError as error:
        configure("INFO")
        for each in error.errors(include_url=False):
            log.critical(
                "setting ROOKERY_%s: %s", str(each["loc"][0]).removeprefix("ROOKERY_").upper(), each["msg"]
            )
        return MISCONFIGURED
    configure(chosen.log_level, form=chosen.log_format, revision=chosen.revision)
    fix_thresholds()
    # A thread that renders a large table gives way to the loop ten times sooner than by default.
    sys.setswitchinterval(SWITCH_SECONDS)
    allow_most()
    try:
        uvloop.run(_serve(chosen))
    except (Misconfigured, ModelRefused, SinkUnavailable) as error:
        log.critical("%s", error)
        return MISCONFIGURED
    return 0


async def _serve(settings: Settings) -> None:
    await serve(settings)
    # The loop and the interpreter would wait for them as long as they hang.
    if names := hanging(HANG_SECONDS):
        log.warning("stopped, although threads hang: %s", ", ".join(names))
        leave(0)


if __name__ == "__main__":
    sys.exit(main())
