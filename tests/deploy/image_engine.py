"""ImageEngine: buildah and podman without a daemon, and the images that they build of this tree.

Needs root, buildah, podman, runc and mmdebstrap (Debian's packages), and takes minutes; `make image` asks for it. The base is
made of Debian's own packages where no registry of images is reached.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ("buildah", "podman", "runc", "mmdebstrap")
MISSING: Final = [name for name in TOOLS if shutil.which(name) is None]

WITH_AN_ENGINE: Final = [
    pytest.mark.skipif(
        not os.environ.get("ROOKERY_TEST_IMAGE"), reason="takes minutes: `make image` runs it"
    ),
    pytest.mark.skipif(bool(MISSING) or os.geteuid() != 0, reason=f"needs root and {', '.join(TOOLS)}"),
    pytest.mark.timeout(900),
]

LOCK: Final = os.environ.get("ROOKERY_TEST_IMAGE_LOCK") or "worker"
"""The lock of the worker's image."""

_BASE: Final = "localhost/rookery-base:2"
"""The tag is counted up where deploy/image/local-base makes another one, as a machine keeps its base."""


@dataclass(frozen=True)
class ImageEngine:
    """The engine in a folder of its own for settings and packages."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its commands."""
        return {**os.environ, "BUILDAH_ISOLATION": "chroot", "CONTAINERS_CONF": str(self._settings())}

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command in the tree and give what it printed."""
        ran = subprocess.run(
            words, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert not check or ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
        return ran.stdout.strip()

    def built(self, stage: str, lock: str) -> str:
        """Build a stage of the Dockerfile; what pip installs is fetched outside, by the lock's hashes."""
        if not self.run("buildah", "images", "--quiet", _BASE, check=False):
            self.run("deploy/image/local-base", _BASE)
        wheels = self.folder / "wheels"
        pip = (
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--require-hashes",
            "--only-binary",
            ":all:",
        )
        self.run(*pip, "--requirement", f"requirements/{lock}.txt", "--dest", str(wheels))
        pip_settings = self.folder / "pip.conf"
        pip_settings.write_text(
            "[global]\nno-index = true\nfind-links = /wheels\nroot-user-action = ignore\n"
        )
        image = f"localhost/rookery-{stage}:test"
        self.run(
            *("buildah", "bud", "--pull-never", "--format", "docker"),
            *(
                "--build-arg",
                f"BASE={_BASE}",
                "--build-arg",
                f"LOCK={LOCK}",
                "--target",
                stage,
                "--tag",
                image,
            ),
            *("--volume", f"{wheels}:/wheels:ro", "--volume", f"{pip_settings}:/etc/pip.conf:ro", "."),
        )
        return image

    def removed(self, image: str) -> None:
        """Remove an image, whether or not it is used."""
        self.run("buildah", "rmi", "--force", image, check=False)

    def _settings(self) -> Path:
        file = self.folder / "containers.conf"
        file.write_text(
            '[containers]\ndefault_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        )
        return file
