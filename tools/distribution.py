"""`python -m tools.distribution FOLDER`: the sdist of the present commit, and the wheel that is built from that sdist."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_BUILD: Final = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"


def build(archive: bytes, out: Path) -> tuple[Path, Path]:
    """Build from a tar archive of the source into a folder; returns sdist and wheel, raises CalledProcessError."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sdist = _built("build_sdist", _unpacked(archive, folder / "source"), folder / "sdist")
        # From the sdist, so that a file which it lacks is missed here and not by its users.
        source = _unpacked(sdist.read_bytes(), folder / "unpacked", "-z", "--strip-components=1")
        wheel = _built("build_wheel", source, folder / "wheel")
        sdist, wheel = (Path(shutil.move(built, out / built.name)) for built in (sdist, wheel))
        return sdist, wheel


def _unpacked(archive: bytes, folder: Path, *options: str) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "-x", *options, "-C", str(folder)], input=archive, check=True)  # noqa: S603, S607  archives made here
    return folder


def _built(hook: str, source: Path, out: Path) -> Path:
    """Call a hook of setuptools in a process of its own, for it works in the present folder."""
    out.mkdir()
    command = [sys.executable, "-c", _BUILD, hook, str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)  # noqa: S603  the project's own build
    (built,) = out.iterdir()
    return built


def main() -> None:
    """Build what is committed; changes that are not are left out."""
    command = ["git", "archive", "HEAD"]
    archive = subprocess.run(command, cwd=_ROOT, capture_output=True, check=True).stdout  # noqa: S603  git, on this clone
    for path in build(archive, Path(sys.argv[1])):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
