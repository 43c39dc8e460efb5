"""A store on a disk that is really full."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("full_disk.py")
ROOT = Path(__file__).parents[3]
IN_NAMESPACE = ("unshare", "--map-root-user", "--mount")


def _mounts() -> bool:
    if shutil.which("unshare") is None:
        return False
    small = [*IN_NAMESPACE, "mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", "/mnt"]
    return subprocess.run(small, capture_output=True, check=False).returncode == 0


@pytest.mark.timeout(150)
@pytest.mark.skipif(not _mounts(), reason="no small file system can be mounted here")
def test_a_full_disk_refuses_and_loses_nothing_whatever_is_killed(tmp_path: Path) -> None:
    """Killed and started again over a full disk: what was taken is delivered, what was refused is not, and with space it goes on."""
    said = subprocess.run(
        [*IN_NAMESPACE, sys.executable, str(PROGRAM), str(tmp_path)],
        capture_output=True, text=True, timeout=140, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
