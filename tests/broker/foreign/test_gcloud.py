"""`gcloud pubsub` on the embedded broker, where Google's command line is installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from rookery.broker.server import EmbeddedBroker

if TYPE_CHECKING:
    from pathlib import Path


class Gcloud:
    """The command, without an account and with a configuration of its own."""

    def __init__(self, address: str, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "CLOUDSDK_CONFIG": str(folder),
            "CLOUDSDK_CORE_PROJECT": "foreign",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "1",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{address}/",
        }

    async def __call__(self, *words: str) -> Any:
        """Run `gcloud pubsub WORDS`; gives its answer."""
        process = await asyncio.create_subprocess_exec(
            "gcloud",
            "pubsub",
            *words,
            "--format=json",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return json.loads(out or "null")


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
@pytest.mark.timeout(900)
async def test_gcloud_publishes_pulls_seeks_and_deletes(tmp_path: Path) -> None:
    """A topic and a subscription that gcloud made hold what it publishes, give it back after a seek, and are deleted by it."""
    async with EmbeddedBroker(data=tmp_path / "data") as broker:
        gcloud = Gcloud(broker.address, tmp_path / "gcloud")
        await gcloud("topics", "create", "work", "--message-retention-duration=1h")
        made = await gcloud(
            "subscriptions",
            "create",
            "workers",
            "--topic=work",
            "--retain-acked-messages",
            "--ack-deadline=20",
        )
        assert "workers" in json.dumps(made)
        (published,) = (await gcloud("topics", "publish", "work", "--message=first", "--attribute=n=1"))[
            "messageIds"
        ]
        pull = ("subscriptions", "pull", "workers", "--auto-ack", "--limit=5")
        (first,) = await gcloud(*pull)
        await gcloud("subscriptions", "seek", "workers", "--time=2020-01-01T00:00:00Z")
        (again,) = await gcloud(*pull)
        for received in (first, again):
            assert received["message"]["messageId"] == published
            assert received["message"]["attributes"] == {"n": "1"}
        listed = await gcloud("topics", "list-subscriptions", "work")
        assert [each.rpartition("/")[2] for each in listed] == ["workers"]
        await gcloud("subscriptions", "delete", "workers")
        await gcloud("topics", "delete", "work")
        assert await gcloud("topics", "list") == []
