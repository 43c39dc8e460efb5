"""Provenance: the machine, the versions, the commit and the command behind a figure."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from rookery.load.report.interpreter import interpreter

ROOT: Final = Path(__file__).parents[2]
_NAMED: Final = ("xgboost-cpu", "numpy", "aiohttp", "httptools", "uvloop", "pydantic")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where figures come from; `load` is the machine's load average when the run began."""

    date: str
    commit: str
    command: str
    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    versions: dict[str, str]
    load: float


def provenance() -> Provenance:
    """Look around, now."""
    return Provenance(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        commit=_commit(),
        command="make bench" + "".join(f" {shlex.quote(each)}" for each in _asked()),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=interpreter(),
        versions={name: found for name in _NAMED if (found := _version(name))},
        load=round(os.getloadavg()[0], 2),
    )


def server_cpu() -> int:
    """The CPU that servers are pinned to."""
    return min(os.sched_getaffinity(0))


def generator_cpu() -> int:
    """The CPU that the load comes from: another one, where there is another."""
    return max(os.sched_getaffinity(0))


def _asked() -> list[str]:
    """The arguments of make, derived from those of the command."""
    words = sys.argv[1:]
    quick = ["QUICK=1"] if "--quick" in words else []
    named = {"--only": "ONLY", "--rounds": "ROUNDS"}
    return quick + [f"{named[word]}={words[at + 1]}" for at, word in enumerate(words[:-1]) if word in named]


# Once: what a run writes of one section is no change that the next one is measured with.
@cache
def _commit() -> str:
    said = _git("rev-parse", "--short=12", "HEAD")
    return f"{said} with changes" if said and _git("status", "--porcelain", "-uno") else said or "unknown"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603, S607  git, found on the PATH
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
