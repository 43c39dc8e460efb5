"""The program `rookery`: it prints one sentence instead of a traceback, and ends with a documented exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import Final, NoReturn

from rookery.errors import EXIT_DEFECT, EXIT_INTERRUPTED, EXIT_USAGE, UserError
from rookery.schemas.output.extras import install_hint
from rookery.schemas.output.interrupts import end_by_signal
from rookery.schemas.output.printable import printable

_LINE_BREAK: Final = "\n"


def main() -> NoReturn:
    """Run the command line and exit (see `rookery.errors` for the codes)."""
    end_by_signal()
    try:
        from rookery.cli import command  # noqa: PLC0415  a failing import is reported like any other error

        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(
                signal.SIGINT, signal.default_int_handler
            )  # from here on there may be something to close
        sys.exit(command()(prog_name="rookery"))
    except KeyboardInterrupt:
        _print("interrupted", hint="")
        sys.exit(EXIT_INTERRUPTED)
    except UserError as error:
        _print(str(error), hint=error.hint)
        sys.exit(error.code)
    except ModuleNotFoundError as error:
        _debug()
        _print(f"{error.name} is not installed.", hint=install_hint(error.name))
        sys.exit(EXIT_USAGE)
    except Exception as error:  # noqa: BLE001  the last frame: nothing below may show a user a traceback
        _debug()
        reason = " ".join(str(error).split()) or "no message"
        _print(f"{type(error).__name__}: {reason}", hint="ROOKERY_DEBUG=1 shows where it happened.")
        sys.exit(EXIT_DEFECT)


def _debug() -> None:
    """Raise the error with its traceback where ROOKERY_DEBUG asks for it."""
    if os.environ.get("ROOKERY_DEBUG"):
        raise  # noqa: PLE0704  called while an exception is handled


def _print(sentence: str, *, hint: str) -> None:
    print(f"rookery: {printable(sentence)}", file=sys.stderr)  # noqa: T201  the last line, printed without rich, which may be missing
    if hint:
        print(f"  {printable(hint, keep=_LINE_BREAK)}", file=sys.stderr)  # noqa: T201  the same


if __name__ == "__main__":
    main()
