"""A model in Cloud Storage, over a real connection: found by generation, and said plainly when out of reach."""

from __future__ import annotations

import socket
import stat
from typing import TYPE_CHECKING

import aiohttp
import pytest
from gcp_storage_emulator.server import create_server
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from rookery.training.testing import variant
from rookery.worker.app import running
from rookery.worker.models.cache import ModelCache
from rookery.worker.models.choose import source_of
from rookery.worker.models.gcs_source import CALL, GcsModelSource
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.models.refresher import ModelRefresher, NoModelError
from rookery.worker.models.source import ModelObject, ModelUnreachableError
from rookery.worker.observability.metrics import Metrics
from rookery.worker.settings import Settings
from storage_emulator.faults import StorageFault
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS = "gs://models/live/penguins.ubj"
FIRST, SECOND = (variant(SHIPPED.read_bytes(), rounds=count) for count in (5, 10))


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageServer]:
    with StorageServer("models") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        # A test need not wait until the client gives up.
        monkeypatch.setitem(CALL, "retry", None)
        # Nor does the noise of its machine count.
        monkeypatch.setitem(CALL, "timeout", 30)
        yield server


def upload(artifact: bytes) -> str:
    """Write the object as anybody would, and return its generation."""
    client = Client()
    blob = client.bucket("models").blob("live/penguins.ubj")
    blob.upload_from_string(artifact)
    client.close()
    return str(blob.generation)


@pytest.fixture(params=["strict", "emulator"])
def any_storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Our own strict server, and the maintained emulator that everyday use meets."""
    if request.param == "strict":
        request.getfixturevalue("storage")
        yield
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="models")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    yield
    server.stop()


@pytest.mark.usefixtures("any_storage")
def test_a_version_is_a_generation_and_can_be_pinned() -> None:
    """The live object is read with its generation; a pinned generation stays what it is or is not there."""
    first = upload(FIRST)
    source = source_of(ADDRESS)
    assert source.fetch().version == source.version() == first
    second = upload(SECOND)
    assert (source.version(), source.fetch().artifact) == (second, SECOND)
    assert source_of(f"{ADDRESS}#{second}").fetch().artifact == SECOND


@pytest.mark.usefixtures("storage")
@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}#7", "gs://absent/penguins.ubj"])
def test_what_is_not_there_is_unreachable(address: str) -> None:
    """An object, a generation or a bucket that does not exist is named."""
    with pytest.raises(ModelUnreachableError, match=f"model {address} cannot be read"):
        source_of(address).fetch()


async def test_a_server_that_is_gone_degrades_and_its_return_recovers(
    storage: StorageServer, tmp_path: Path
) -> None:
    """The last known good model of the address answers from the cache, until the bucket answers again."""
    upload(FIRST)
    cache = ModelCache(tmp_path, ADDRESS)

    def store() -> ModelRefresher:
        return ModelRefresher(GcsModelSource(ModelObject.read(ADDRESS)), cache=cache, metrics=Metrics())

    first = store()
    await first.open()
    assert first.model == load(FIRST).model
    storage.faults.last("get", StorageFault(status=503))
    models = store()
    await models.open()
    assert (models.classifier.model, models.origin) == (load(FIRST).model, "cache")
    assert ADDRESS in str(models.reason)
    storage.faults.clear()
    upload(SECOND)
    await models.refresh()
    assert (models.classifier.model, models.origin, models.reason) == (load(SECOND).model, "source", None)


async def test_a_closed_port_is_unreachable_too(
    monkeypatch: pytest.MonkeyPatch, storage: StorageServer
) -> None:
    """A refused connection is no crash."""
    del storage
    monkeypatch.setitem(CALL, "retry", DEFAULT_RETRY.with_timeout(0.1))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(NoModelError, match="Connection refused"):
        await ModelRefresher(source_of(ADDRESS), cache=None, metrics=Metrics()).open()


@pytest.mark.usefixtures("storage")
async def test_a_worker_serves_a_model_from_a_bucket(tmp_path: Path) -> None:
    """`ROOKERY_MODEL=gs://...` and nothing else."""
    upload(FIRST)
    settings = Settings(
        port=0,
        results=f"file://{tmp_path}/results",
        rejects=f"file://{tmp_path}/rejects",
        model=ADDRESS,
        model_cache=None,
    )
    async with (
        running(settings) as address,
        aiohttp.ClientSession(address) as client,
        client.get("/readyz") as answer,
    ):
        found = await answer.json()
    assert found.pop("engine") in {"booster", "compiled"}
    assert found == {"status": "ready", "model": load(FIRST).model}


def test_a_kept_model_is_its_users_alone(tmp_path: Path) -> None:
    """A user who could change it would choose the answers; its folder is private, too."""
    cache = ModelCache(tmp_path / "cache" / "models", ADDRESS)
    cache.keep(b"model")
    modes = {stat.S_IMODE(each.stat().st_mode) for each in (cache.path.parent, cache.path.parent.parent)}
    assert (modes, stat.S_IMODE(cache.path.stat().st_mode)) == ({0o700}, 0o600)
