"""The model store: what is new and good is swapped in, whatever is not leaves the last known good one answering."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rookery.training.testing import damaged, variant
from rookery.worker.models.cache import ModelCache
from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load
from rookery.worker.models.refresher import ModelRefresher, NoModelError
from rookery.worker.models.source import (
    FetchedModel,
    FileModelSource,
    ModelUnreachableError,
)
from rookery.worker.observability.metrics import Metrics

if TYPE_CHECKING:
    from rookery.worker.models.source import ModelSource

GOOD = SHIPPED.read_bytes()
OTHER = variant(GOOD, rounds=10)
THIRD = variant(GOOD, rounds=20)
NAME = {artifact: load(artifact).model for artifact in (GOOD, OTHER, THIRD)}


class FakeSource:
    """A source whose bytes a test lays down; None is a place that cannot be reached."""

    address = "gs://bucket/model"

    def __init__(self, artifact: bytes | None) -> None:
        self.generation = 0
        self.read = 0
        self.lay(artifact)

    def lay(self, artifact: bytes | None) -> None:
        self.artifact = artifact
        self.generation += 1

    def version(self) -> str:
        if self.artifact is None:
            raise ModelUnreachableError("model gs://bucket/model cannot be read: no route to host")
        return str(self.generation)

    def fetch(self) -> FetchedModel:
        version = self.version()
        self.read += 1
        return FetchedModel(self.artifact or b"", version)


def store(source: ModelSource, cache: Path | None = None) -> ModelRefresher:
    kept = ModelCache(cache, source.address) if cache else None
    return ModelRefresher(source, cache=kept, metrics=Metrics())


def metric_of(models: ModelRefresher, name: str) -> float:
    for line in models._metrics.render().decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise AssertionError(name)


async def test_the_model_of_the_source_answers_under_its_digest() -> None:
    """All is well: no reason, no degradation."""
    models = store(FakeSource(OTHER))
    await models.open()
    assert (models.classifier.model, models.origin, models.reason) == (NAME[OTHER], "source", None)
    assert metric_of(models, "rookery_model_degraded") == 0
    assert metric_of(models, f'rookery_model_info{{model="{NAME[OTHER]}"}}') == 1


async def test_a_new_version_is_swapped_in_and_read_once_only() -> None:
    """Looking for news costs one question; the bytes are read when the version changes."""
    source = FakeSource(GOOD)
    models = store(source)
    await models.open()
    for _ in range(3):
        await models.refresh()
    assert (models.classifier.model, source.read) == (NAME[GOOD], 1)
    source.lay(OTHER)
    await models.refresh()
    assert (models.classifier.model, models.reason, source.read) == (NAME[OTHER], None, 2)


async def test_a_batch_that_pinned_a_model_keeps_it() -> None:
    """A swap falls between batches: a batch in flight, bisected or not, is answered by one artifact."""
    source = FakeSource(GOOD)
    models = store(source)
    await models.open()
    snapshot = models.classifier
    source.lay(OTHER)
    await models.refresh()
    rows = np.array([[39.1, 18.7, 181, 3750, 2007, 1, 2]], dtype=np.float32)
    assert snapshot.classify(rows).model == NAME[GOOD]
    assert models.classifier.classify(rows).model == NAME[OTHER]


async def test_1000_damaged_models_are_never_served_and_each_is_reported() -> None:
    """Flipped bits, cut ends, exchanged blocks, swapped contents: the last known good one answers and says why."""
    chance = random.Random(20261123)  # noqa: S311  damage needs no secrecy
    source = FakeSource(GOOD)
    models = store(source)
    await models.open()
    rows = np.array([[39.1, 18.7, 181, 3750, 2007, 1, 2]], dtype=np.float32)
    for nth in range(1000):
        source.lay(damaged(OTHER, THIRD, chance))
        await models.refresh()
        assert models.classifier.classify(rows).model == NAME[GOOD], nth
        assert models.reason is not None
        assert models.reason.startswith("model gs://bucket/model is refused: ")
    assert metric_of(models, "rookery_model_degraded") == 1
    assert metric_of(models, 'rookery_model_loads_total{outcome="refused"}') == 1000
    source.lay(OTHER)
    await models.refresh()
    assert (models.classifier.model, models.reason) == (NAME[OTHER], None)
    assert metric_of(models, "rookery_model_degraded") == 0


async def test_damage_at_the_start_falls_back_to_the_cache_and_never_to_another_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last known good one of this address answers; where it is damaged too, the start ends with every reason."""
    chance = random.Random(7)  # noqa: S311  damage needs no secrecy
    await store(FakeSource(OTHER), tmp_path).open()
    for _ in range(20):
        models = store(FakeSource(damaged(THIRD, GOOD, chance)), tmp_path)
        await models.open()
        assert (models.model, models.origin) == (NAME[OTHER], "cache")
        assert models.reason
    assert "is refused" in caplog.text
    (kept,) = tmp_path.iterdir()
    for _ in range(20):
        kept.write_bytes(damaged(OTHER, GOOD, chance))
        with pytest.raises(NoModelError, match="model gs://bucket/model is refused: "):
            await store(FakeSource(damaged(THIRD, GOOD, chance)), tmp_path).open()
    assert "the model in the cache is refused" in caplog.text


async def test_the_cache_of_another_address_never_answers(tmp_path: Path) -> None:
    """A worker that never had a model of this address ends, whatever else its machine keeps."""
    kept = ModelCache(tmp_path, "gs://bucket/another")
    await ModelRefresher(FakeSource(OTHER), cache=kept, metrics=Metrics()).open()
    with pytest.raises(NoModelError, match="no last known good model of this address is cached"):
        await store(FakeSource(None), tmp_path).open()


async def test_an_unreachable_source_is_tried_again_and_recovers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage at a later start costs nothing but new versions; it is logged once at ERROR, not each time."""
    await store(FakeSource(GOOD), tmp_path).open()
    source = FakeSource(None)
    models = store(source, tmp_path)
    await models.open()
    await models.refresh()
    assert (models.classifier.model, models.origin) == (NAME[GOOD], "cache")
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in errors] == [
        "model gs://bucket/model cannot be read: no route to host"
    ]
    source.lay(OTHER)
    await models.refresh()
    assert (models.classifier.model, models.origin, models.reason) == (NAME[OTHER], "source", None)
    source.lay(None)
    await models.refresh()
    assert (models.classifier.model, models.reason is None) == (NAME[OTHER], False)


async def test_a_refused_version_stays_refused_through_an_outage() -> None:
    """Coming back with the same bad version is no recovery."""
    source = FakeSource(GOOD)
    models = store(source)
    await models.open()
    source.lay(OTHER[:-1])
    await models.refresh()
    refusal, bad = models.reason, source.artifact
    source.artifact = None
    await models.refresh()
    assert models.reason != refusal
    source.artifact = bad
    await models.refresh()
    assert (models.reason, source.read) == (refusal, 2)


async def test_a_sealed_artifact_that_breaks_the_loader_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker lives and the last known good model answers, whatever exception a bad model raises."""

    def broken(source: object) -> object:
        if source == OTHER:
            raise IndexError("beyond all bounds")
        return load(source)  # type: ignore[arg-type]  # as the store calls it

    monkeypatch.setattr("rookery.worker.models.refresher.load", broken)
    source = FakeSource(GOOD)
    models = store(source)
    await models.open()
    source.lay(OTHER)
    await models.refresh()
    assert models.classifier.model == NAME[GOOD]
    assert models.reason == "model gs://bucket/model is refused: IndexError: beyond all bounds"


async def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """Replaced, rewritten in place, damaged and fixed: each is noticed while the worker runs."""
    path = tmp_path / "model.ubj"
    path.write_bytes(GOOD)
    models = store(FileModelSource(path))
    await models.open()
    fresh = tmp_path / "fresh.ubj"
    fresh.write_bytes(OTHER)
    fresh.replace(path)
    await models.refresh()
    assert models.classifier.model == NAME[OTHER]
    path.write_bytes(THIRD[:1000])
    await models.refresh()
    assert models.classifier.model == NAME[OTHER]
    assert "it is cut short" in str(models.reason)
    path.write_bytes(THIRD)
    os.utime(path, ns=(1, 1))
    await models.refresh()
    assert (models.classifier.model, models.reason) == (NAME[THIRD], None)


async def test_a_path_that_is_no_regular_file_is_reported_and_its_successor_is_swapped_in(
    tmp_path: Path,
) -> None:
    """A FIFO, a socket, a device and a folder are not read, not even opened, which would wait for a writer."""
    path = tmp_path / "model.ubj"
    path.write_bytes(GOOD)
    models = store(FileModelSource(path))
    await models.open()
    for make in (os.mkfifo, os.mkdir, lambda each: each.symlink_to("/dev/zero")):
        path.rmdir() if path.is_dir() else path.unlink()
        make(path)
        async with asyncio.timeout(10):
            await models.refresh()
        assert models.reason is not None
        assert f"model {path} cannot be read: " in models.reason
    path.unlink()
    path.write_bytes(OTHER)
    await models.refresh()
    assert (models.classifier.model, models.reason) == (NAME[OTHER], None)


async def test_a_start_over_a_path_that_is_no_regular_file_uses_the_last_known_good_model(
    tmp_path: Path,
) -> None:
    """A FIFO in place of the model, or of its cache too, keeps no start waiting."""
    path, cache = tmp_path / "model.ubj", tmp_path / "cache"
    path.write_bytes(OTHER)
    await store(FileModelSource(path), cache).open()
    path.unlink()
    os.mkfifo(path)
    models = store(FileModelSource(path), cache)
    await models.open()
    assert (models.model, models.origin) == (NAME[OTHER], "cache")
    (kept,) = cache.iterdir()
    kept.unlink()
    os.mkfifo(kept)
    with pytest.raises(NoModelError, match="not a regular file"):
        await store(FileModelSource(path), cache).open()
    with pytest.raises(ModelRefusedError, match="not a regular file"):
        load(path)


class Hung(FakeSource):
    """A source whose calls hang while `gate` is closed, as those of a mount whose server is gone."""

    def __init__(self, artifact: bytes) -> None:
        super().__init__(artifact)
        self.gate = threading.Event()
        self.calls = 0

    def version(self) -> str:
        self.calls += 1
        self.gate.wait()
        return super().version()


async def test_a_source_that_hangs_is_reported_and_its_late_answer_is_swapped_in() -> None:
    """However often it is checked, one thread waits for it; its late answer is not lost, nor are later ones."""
    source = Hung(GOOD)
    source.gate.set()
    models = store(source)
    await models.open()
    calls = source.calls
    source.gate.clear()
    source.lay(OTHER)
    models._look_seconds = 0.05
    for _ in range(3):
        await models.refresh()
    assert (models.classifier.model, models.origin, source.calls) == (NAME[GOOD], "source", calls + 1)
    assert models.reason == "model gs://bucket/model cannot be read: no answer within 0.05 s"
    assert metric_of(models, "rookery_model_degraded") == 1
    assert models._looking is not None
    source.gate.set()
    await models._looking
    await models.refresh()
    assert (models.classifier.model, models.origin, models.reason) == (NAME[OTHER], "source", None)
    source.lay(THIRD)
    # A busy machine may need longer than the patience of a test to load a model.
    models._look_seconds = 60
    await models.refresh()
    assert models.classifier.model == NAME[THIRD]


async def test_a_cache_that_hangs_is_waited_for_no_longer_than_a_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A start ends with its reason in bounded time: nothing hangs for ever."""
    gate = threading.Event()
    cache = ModelCache(Path("nowhere"), "x")
    monkeypatch.setattr(cache, "read", lambda: gate.wait() and None)
    with pytest.raises(NoModelError, match="no route to host"):
        await ModelRefresher(FakeSource(None), cache=cache, metrics=Metrics(), look_seconds=0.05).open()
    gate.set()


async def test_watching_looks_for_news_by_itself_and_ends_with_its_context() -> None:
    """No task is left behind; the same model under a new version is not swapped."""
    source = FakeSource(GOOD)
    models = store(source)
    await models.open()
    async with models.watched(0.001):
        source.lay(OTHER)
        async with asyncio.timeout(10):
            while models.classifier.model != NAME[OTHER]:  # noqa: ASYNC110  news come by the clock, no event says so
                # The same.
                await asyncio.sleep(0.001)
    assert {task.get_name() for task in asyncio.all_tasks()}.isdisjoint({"model watch"})


async def test_a_cache_that_cannot_be_written_costs_a_warning_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk is a convenience."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    models = store(FakeSource(OTHER), blocked)
    await models.open()
    assert models.model == NAME[OTHER]
    assert models.reason is None
    assert "cannot be kept" in caplog.text
