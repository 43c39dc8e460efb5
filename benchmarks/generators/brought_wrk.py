"""wrk from Debian's archive, unpacked into the build folder where it is not installed: no root, nothing of the system changes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from benchmarks.progress import say
from rookery.load.report.provenance import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = ROOT / "build" / "bench" / "wrk"
_PACKAGES: Final = ("wrk", "libluajit-5.1-2", "libluajit-5.1-common")
_WITHIN_S: Final = 120


class NoGeneratorError(RuntimeError):
    """wrk is not on this machine, and cannot be brought."""


def brought_wrk(folder: Path = FOLDER) -> tuple[str, ...]:
    """Give the words that run the brought wrk; raises NoGeneratorError."""
    program = folder / "root" / "usr" / "bin" / "wrk"
    if not program.exists():
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise NoGeneratorError("the benchmark needs wrk on the PATH (apt install wrk, brew install wrk)")
        say("wrk is not installed: bringing it into build/bench/wrk (once)")
        _bring(folder)
    libraries = ":".join(map(str, sorted((folder / "root" / "usr" / "lib").glob("*-linux-gnu*"))))
    words = ("env", f"LD_LIBRARY_PATH={libraries}", str(program))
    # It says its version and exits with 1: what cannot be linked exits with 127.
    done = subprocess.run([*words, "-v"], capture_output=True, check=False, timeout=_WITHIN_S)  # noqa: S603  wrk
    if b"wrk" not in done.stdout:
        said = done.stderr.decode(errors="replace").strip()[:200]
        raise NoGeneratorError(f"the wrk in {folder} does not run ({said}); install it: apt install wrk")
    return words


def _bring(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _run("apt-get", "download", *_PACKAGES, folder=folder)
        for package in sorted(folder.glob("*.deb")):
            _run("dpkg-deb", "-x", str(package), "root", folder=folder)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoGeneratorError(
            f"wrk is not installed and cannot be brought ({error}): apt install wrk"
        ) from None


def _run(*words: str, folder: Path) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True, timeout=_WITHIN_S)  # noqa: S603  Debian's own tools
