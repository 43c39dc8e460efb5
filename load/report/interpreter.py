"""Interpreter: which Python runs, and how it was built: a build without optimizations takes half as long again."""

from __future__ import annotations

import platform
import sys
import sysconfig
from typing import Final

_SYSTEM: Final = "/usr"
_FLAG: Final = "--enable-optimizations"
UNOPTIMIZED: Final = f"built without {_FLAG}"


def interpreter(prefix: str = sys.base_prefix, arguments: str | None = None) -> str:
    """The version of Python and its build: that of the system, which distributions optimize, or one of its own.

    `prefix` is where it is installed, `arguments` are those that it was configured with (None: those of this Python).
    """
    version = platform.python_version()
    if prefix == _SYSTEM:
        return f"{version} of {_distribution()}"
    if arguments is None:
        arguments = sysconfig.get_config_var("CONFIG_ARGS") or _FLAG
    return f"{version} {f'built with {_FLAG}' if _FLAG in arguments else UNOPTIMIZED}"


def _distribution() -> str:
    try:
        said = platform.freedesktop_os_release()
    except OSError:
        return "the system"
    return f"{said['NAME']} {said.get('VERSION_ID', '')}".strip()
