"""The front door's frame: one sentence instead of a traceback, and exit codes that mean something."""

from __future__ import annotations

import os
import sys
from typing import Final, NoReturn

from rookery.errors import DEFECT, NOT_DONE, UserError
from rookery.schemas.output.printable import printable

_LINE_BREAK: Final = "\n"


def main() -> NoReturn:
    """Run the command line and exit (see `rookery.errors` for the codes)."""
    try:
        from rookery.cli import command  # noqa: PLC0415  an import that fails is told like any other trouble

        sys.exit(command()(prog_name="rookery"))
    except UserError as trouble:
        _tell(str(trouble), hint=trouble.hint)
        sys.exit(trouble.code)
    except ModuleNotFoundError as error:
        _debug()
        _tell(f"{error.name} is not installed.", hint="pip install 'rookery[all]' brings everything.")
        sys.exit(NOT_DONE)
    except Exception as error:  # noqa: BLE001  the last frame: nothing below may show a user a traceback
        _debug()
        said = " ".join(str(error).split()) or "no more is known"
        _tell(f"{type(error).__name__}: {said}", hint="ROOKERY_DEBUG=1 shows where it happened.")
        sys.exit(DEFECT)


def _debug() -> None:
    """Let the error through, traceback and all, where the user asked for it."""
    if os.environ.get("ROOKERY_DEBUG"):
        raise  # noqa: PLE0704  called while an exception is handled


def _tell(sentence: str, *, hint: str) -> None:
    print(f"rookery: {printable(sentence)}", file=sys.stderr)  # noqa: T201  the last words, where rich may be what is missing
    if hint:
        print(f"  {printable(hint, keep=_LINE_BREAK)}", file=sys.stderr)  # noqa: T201  the same


if __name__ == "__main__":
    main()
