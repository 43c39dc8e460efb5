"""Preflight: the needs of a run, checked before it works for an hour."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.generators.brought_wrk import NoGeneratorError
from benchmarks.generators.wrk import find_wrk
from benchmarks.servers.environment import EnvironmentMissingError, python_of
from rookery.load.report.interpreter import UNOPTIMIZED, interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DISK_BYTES: Final = 4 * 1024**3
"""Space for the results of a round, which are deleted after it, and for the environments of the peers."""

QUIET_LOAD: Final = 0.5
"""Programs that want to run beside the benchmark, for each CPU, beyond which figures are those of a busy machine."""

_PEERS: Final = ("mosec", "fastapi", "litserve", "mlserver", "bentoml")
_QUICK_PEERS: Final = ("mosec", "fastapi")
_IN_MEMORY: Final = ("tmpfs", "ramfs")


@dataclass(frozen=True, slots=True)
class PreflightCheck:
    """One need: `stops` says that nothing can be measured without it."""

    name: str
    met: bool
    said: str
    stops: bool = False

    def __str__(self) -> str:
        """As progress says it."""
        return f"{'ok' if self.met else 'MISSING' if self.stops else 'note':8} {self.name}: {self.said}"


def preflight(sections: Iterable[str], *, quick: bool) -> list[PreflightCheck]:
    """Check all that the sections need; peers' environments are made here."""
    wanted = {*sections}
    checks = [_generator(), _pinning(), _disk(), _real_disk(), _quiet(), _interpreter(), _forest()]
    if wanted & {"singles", "models", "growth"}:
        checks += _environments(_QUICK_PEERS if quick or wanted.isdisjoint({"singles"}) else _PEERS)
    if "tables" in wanted:
        checks += _environments(("beam",))
    if "delivery" in wanted:
        checks.append(_emulator())
    return checks


def _generator() -> PreflightCheck:
    try:
        words = find_wrk()
    except NoGeneratorError as error:
        return PreflightCheck("load generator", met=False, said=str(error), stops=True)
    return PreflightCheck("load generator", met=True, said=words[-1])


def _pinning() -> PreflightCheck:
    cpus = len(os.sched_getaffinity(0))
    for tool in ("taskset", "chrt"):
        if shutil.which(tool) is None:
            said = f"{tool} is needed (apt install util-linux)"
            return PreflightCheck("pinning", met=False, said=said, stops=True)
    if cpus == 1:
        return PreflightCheck("pinning", met=False, said="one CPU: servers share it with the load")
    return PreflightCheck("pinning", met=True, said=f"{cpus} CPUs")


def _disk() -> PreflightCheck:
    free = shutil.disk_usage(tempfile.gettempdir()).free
    said = f"{free / 1024**3:.1f} GB free in {tempfile.gettempdir()}, {DISK_BYTES / 1024**3:.0f} are needed"
    return PreflightCheck("disk", met=free >= DISK_BYTES, said=said, stops=True)


def _real_disk() -> PreflightCheck:
    """Whether a sync of the scratch folder reaches a disk."""
    kind = file_system(Path(tempfile.gettempdir()), Path("/proc/self/mounts").read_text())
    if kind in _IN_MEMORY:
        said = f"{tempfile.gettempdir()} is in memory, where a sync costs nothing: set TMPDIR"
        return PreflightCheck("durability", met=False, said=said, stops=True)
    return PreflightCheck("durability", met=True, said=f"{tempfile.gettempdir()} is on {kind}")


def file_system(folder: Path, mounts: str) -> str:
    """Give the kind of file system that a folder is on, by the text of /proc/self/mounts."""
    places = {Path(words[1]): words[2] for line in mounts.splitlines() if len(words := line.split()) > 2}  # noqa: PLR2004  the first three
    resolved = folder.resolve()
    return next((places[each] for each in (resolved, *resolved.parents) if each in places), "unknown")


def _quiet() -> PreflightCheck:
    load, cpus = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load > QUIET_LOAD * cpus:
        said = f"load average {load:.1f} on {cpus} CPUs: figures will be those of a busy machine"
        return PreflightCheck("quiet machine", met=False, said=said)
    return PreflightCheck("quiet machine", met=True, said=f"load average {load:.1f} on {cpus} CPUs")


def _interpreter() -> PreflightCheck:
    said = interpreter()
    if said.endswith(UNOPTIMIZED):
        said += (
            ", which that of the image is not: rm -r .venv .venv-bench; make bench PYTHON=/usr/bin/python3"
        )
        return PreflightCheck("interpreter", met=False, said=said)
    return PreflightCheck("interpreter", met=True, said=said)


def _forest() -> PreflightCheck:
    if find_spec("llvmlite") is None:
        said = "llvmlite is not installed (extra compiled): Rookery answers with its booster"
        return PreflightCheck("compiled forest", met=False, said=said)
    return PreflightCheck("compiled forest", met=True, said="llvmlite is installed")


def _environments(names: Iterable[str]) -> Iterator[PreflightCheck]:
    for name in names:
        try:
            python_of(name)
        except EnvironmentMissingError as error:
            yield PreflightCheck(f"peer {name}", met=False, said=f"{error} It is left out.")
        else:
            yield PreflightCheck(f"peer {name}", met=True, said=f".venv-bench/{name}")


def _emulator() -> PreflightCheck:
    missing = [each for each in ("java", "gcloud") if shutil.which(each) is None]
    if missing:
        said = f"{' and '.join(missing)} not found: Google's emulator is left out"
        return PreflightCheck("Google's emulator", met=False, said=said)
    return PreflightCheck("Google's emulator", met=True, said="by its jar")
