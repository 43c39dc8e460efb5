"""The distribution: one importable name, a light public face, and a demo that needs no clone."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING, Final

import pytest

from tools.distribution import build
from tools.types_tree import MAPPED, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD_NAMES: Final = ("broker", "load", "publisher", "schemas", "training", "worker")
_LIGHT: Final = """
import sys
import rookery
for name in rookery.__all__:
    getattr(rookery, name)
print({name for name in ("numpy", "pandas", "typer", "grpc", "xgboost") if name in sys.modules})
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a release, built from the sdist of what git tracks, without a network."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in filter(None, tracked.decode().split("\0")):
            if (ROOT / name).is_file():
                tar.add(ROOT / name, name)
    sdist, wheel = build(archive.getvalue(), tmp_path_factory.mktemp("wheel"))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert sdist.name == f"rookery-{version}.tar.gz"
    return wheel


@pytest.fixture(scope="session")
def installed(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in an environment that has the wheel instead of this clone, and everything that it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)  # noqa: S202  the wheel that was built above

    def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        # Before the clone's own finder, as an installation of its own would be.
        environment["PYTHONPATH"] = str(folder)
        return subprocess.run(
            [sys.executable, *words],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )

    return run


def test_the_wheel_has_one_importable_name(wheel: Path) -> None:
    """Nothing but `rookery` lies at the top of the wheel, with what the demo reads and without what developers run."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"rookery"}
    assert {"rookery/py.typed", "rookery/data/penguins.csv", "rookery/worker/shipped/penguins.ubj"} <= set(
        names
    )
    assert {"rookery/watch/page/page.js", "rookery/load/locustfile.py", "rookery/data/likeness.json"} <= set(
        names
    )
    sources = {
        path.relative_to(ROOT).as_posix()
        for folder in (*MAPPED, "rookery")
        for path in (ROOT / folder).rglob("*.py")
    }
    expected = {name if name.startswith("rookery/") else f"rookery/{name}" for name in sources}
    assert {name for name in names if name.endswith(".py")} == expected


def test_a_device_imports_neither_numpy_nor_the_command_line(
    installed: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The public face is lazy: what a device publishes with costs it no scientific library."""
    done = installed("-c", _LIGHT, cwd=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


@pytest.mark.parametrize(
    "namesakes", [(), (*OLD_NAMES, "rookery")], ids=["empty folder", "folder of namesakes"]
)
def test_the_demo_runs_from_the_wheel_whatever_lies_in_the_folder(
    installed: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, namesakes: tuple[str, ...]
) -> None:
    """A `worker.py` or `schemas/` of the user's is never imported in place of Rookery's own, nor by its children."""
    for name in namesakes:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user was imported')\n")
    if namesakes:
        (tmp_path / "schemas").mkdir()
        (tmp_path / "schemas" / "__init__.py").write_text(
            "raise SystemExit('a folder of the user was imported')\n"
        )
    done = installed("-P", "-m", "rookery", "demo", "--results", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "imported" not in done.stdout + done.stderr
