"""Fixtures of the documents' tests."""

from __future__ import annotations

import shutil
import subprocess

import pytest


@pytest.fixture(scope="session")
def network_namespace() -> list[str]:
    """The words before a command that runs in a network of its own; skips where the machine has none to give."""
    words = ["unshare", "-rn"]
    tried = [*words, "ip", "link", "set", "lo", "up"]
    if (
        all(map(shutil.which, ("unshare", "ip", "curl")))
        and subprocess.run(tried, check=False).returncode == 0
    ):
        return words
    pytest.skip("a network namespace is needed (Linux: unshare, ip, curl, and the right to make one)")
