"""The installed gcloud against APIs on loopback that refuse everything: whether it understands a command."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Final

from tests.deploy.recording_server import RecordingServer, serving

APIS: Final = [
    "ARTIFACTREGISTRY",
    "CLOUDBUILD",
    "CLOUDRESOURCEMANAGER",
    "IAM",
    "LOGGING",
    "PUBSUB",
    "RUN",
    "SERVICEUSAGE",
    "STORAGE",
]
TERRAFORM: Final = Path(__file__).parents[2] / "deploy" / "terraform"


def assert_accepted(folder: Path, command: str) -> None:
    """Run a command; it must ask Google for something, or succeed."""
    (folder / "token").write_text("a-token")
    with serving(
        RecordingServer(lambda *_: (403, b'{"error": {"code": 403, "message": "denied"}}'))
    ) as google:
        environment = {
            **os.environ,
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(folder / "token"),
            "CLOUDSDK_CORE_PROJECT": "my-project",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            "http_proxy": google.url,
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{each}": f"http://{each.lower()}.invalid/" for each in APIS},
        }
        ran = subprocess.run(
            shlex.split(command),
            cwd=TERRAFORM,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert google.asked or ran.returncode == 0, ran.stderr[-2000:]
