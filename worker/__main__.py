"""`python -m rookery.worker`: run the worker with the settings of the environment."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from rookery.schemas.output.interrupts import end_by_signal
from rookery.worker.runtime.startup import lean_imports

end_by_signal()
with lean_imports():
    import uvloop
    from pydantic import ValidationError

    from rookery.worker.app import serve
    from rookery.worker.errors import MisconfiguredError
    from rookery.worker.models.refresher import NoModelError
    from rookery.worker.observability.logging import configure
    from rookery.worker.open_files import allow_most
    from rookery.worker.runtime.allocator import fix_thresholds
    from rookery.worker.runtime.stopping import hanging, leave
    from rookery.worker.settings import Settings
    from rookery.worker.sinks.protocol import SinkUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

log: Final = logging.getLogger("rookery.worker")

MISCONFIGURED: Final = 2
"""Exit code where a setting, the model or a sink cannot be used; the last log line says which."""


SWITCH_SECONDS: Final = 0.0005
"""How long a thread may hold the interpreter while another one waits for it."""


HANG_SECONDS: Final = 0.5
"""How long threads are waited for after all that was taken is answered."""


def main(settings: Callable[[], Settings] = Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
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
    except (MisconfiguredError, NoModelError, SinkUnavailableError) as error:
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
