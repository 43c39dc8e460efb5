"""Extras: what is not installed is named with the extra that really brings it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import Distribution, distribution, distributions
from typing import TYPE_CHECKING

import pytest

from rookery.schemas.output.extras import EXTRAS, extra_of, install_hint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COMMANDS = {
    "locust": ["load", "--shape", "normal", "--seconds", "1"],
    "matplotlib": ["plan", "--rate", "50/s"],
    "openpyxl": ["classify", "data/penguins.csv", "--out", "{tmp}/out.xlsx"],
    "pandas": ["classify", "data/penguins.csv", "--out", "{tmp}/out.csv"],
    "plotly": ["watch", "{tmp}", "--port", "0"],
    "pyarrow": ["results", "export", "{tmp}/results", "--out", "{tmp}/out.parquet"],
    "sklearn": ["train", "--out", "{tmp}/model.ubj"],
    "uvloop": ["serve", "--port", "0"],
    "httptools": ["broker", "--port", "0"],
}


@cache
def brought(extra: str) -> set[str]:
    """Every distribution that an extra of Rookery installs, those that they need included."""
    found: set[str] = set()
    waiting = _needed(distribution("rookery"), extra)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            waiting |= _needed(distribution(name), None)
        except ModuleNotFoundError:
            continue  # of another platform
    return found


def _needed(of: Distribution, extra: str | None) -> set[str]:
    needed = set()
    for each in of.requires or []:
        named = re.search(r"extra == ['\"]([\w-]+)['\"]", each)
        if (named[1] if named else None) == extra or named is None:
            needed.add(_plain(re.split(r"[^\w.-]", each)[0]))
    return needed


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def run_without(modules: Iterable[str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python as if some modules were not installed."""
    lines = [f"sys.modules[{module!r}] = None" for module in modules]
    (folder / "sitecustomize.py").write_text("\n".join(["import sys", *lines, ""]))
    return subprocess.run(
        [sys.executable, "-P", *words],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.mark.parametrize("module", EXTRAS)
def test_the_extra_of_a_module_brings_it(module: str) -> None:
    """By what the installed distributions say of their files and their needs."""
    path = module.replace(".", "/")
    owners = {
        _plain(each.name)
        for each in distributions()
        if any(re.match(rf"{path}(/|\.)", str(file)) for file in each.files or [])
    }
    assert owners & brought(EXTRAS[module])


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_without_a_package_says_which_extra_installs_it(module: str, tmp_path: Path) -> None:
    """One sentence, the command that helps, exit code 2; and no name on an index that is not the project's own."""
    arguments = [each.replace("{tmp}", str(tmp_path)) for each in COMMANDS[module]]
    shown = run_without([module], tmp_path, "-m", "rookery", *arguments)
    assert shown.returncode == 2, shown.stderr
    assert module in shown.stderr
    assert install_hint(module) in " ".join(shown.stderr.split())
    assert "Traceback" not in shown.stderr


def test_a_broker_needs_nothing_of_a_worker(tmp_path: Path) -> None:
    """Its own extra is enough: without the worker's packages it comes as far as its own options."""
    blocked = ("msgspec", "numpy", "orjson", "prometheus_client", "swagger_ui_bundle", "xgboost")
    words = ("-m", "rookery", "broker", "--memory", "--lost-ack", "often")
    shown = run_without(blocked, tmp_path, *words)
    assert shown.returncode == 2, shown.stderr
    assert "--lost-ack" in shown.stderr


EVERY_MODULE = """
import importlib, pkgutil, rookery
for found in pkgutil.walk_packages(rookery.__path__, "rookery."):
    if not found.name.startswith("rookery.worker.") and not found.name.endswith(("__main__", "locustfile")):
        importlib.import_module(found.name)
for name in ("models.loader", "models.choose", "observability.drift", "auth.jwks", "settings"):
    importlib.import_module(f"rookery.worker.{name}")
print("every module")
"""


def test_only_a_worker_needs_msgspec(tmp_path: Path) -> None:
    """Training, broker, load test and command line have extras that do not bring it."""
    shown = run_without(["msgspec"], tmp_path, "-c", EVERY_MODULE)
    assert shown.stdout == "every module\n", shown.stderr


def test_a_submodule_belongs_to_its_package() -> None:
    """The longest known name decides; what is unknown is in `all`."""
    assert extra_of("matplotlib.pyplot") == "load"
    assert extra_of("google.auth.transport.requests") == "oidc"
    assert extra_of("something_else") == "all"
