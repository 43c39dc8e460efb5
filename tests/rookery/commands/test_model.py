"""`rookery model`: show, verify, push and rollback, the same in a folder and in a bucket."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

import pytest
from gcp_storage_emulator.server import create_server
from typer.testing import CliRunner

from rookery.__main__ import main
from rookery.cli import app
from rookery.errors import EXIT_FAILED, UserError
from rookery.registry.bucket_registry import BucketRegistry
from rookery.registry.choose import registry_of
from rookery.registry.promotion import digest, formers, push, rollback
from rookery.registry.registry import ConflictError, FolderRegistry
from rookery.training.testing import variant
from rookery.worker.models.choose import source_of
from rookery.worker.models.loader import SHIPPED, load
from rookery.worker.models.source import ModelObject
from storage_emulator.faults import StorageFault
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from rookery.registry.registry import ModelRegistry

FIRST, SECOND, THIRD = (variant(SHIPPED.read_bytes(), rounds=count) for count in (5, 10, 15))


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageServer]:
    with StorageServer("models") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield server


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The storage emulator of everyday use; it ignores preconditions."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="models")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    yield
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "live" / "penguins.ubj")
    request.getfixturevalue("storage")
    return "gs://models/live/penguins.ubj"


@pytest.fixture
def registry(uri: str) -> ModelRegistry:
    return registry_of(uri)


def live(registry: ModelRegistry) -> bytes | None:
    entry = registry.live()
    return entry.artifact if entry else None


def test_a_rollback_returns_to_the_former_model_and_never_to_a_withdrawn_one(
    registry: ModelRegistry,
) -> None:
    """After push, push, rollback, push, a rollback returns to the first model, not the second."""
    assert (push(registry, FIRST).before, live(registry)) == (None, FIRST)
    assert push(registry, SECOND).before == digest(FIRST)
    assert (rollback(registry).now, live(registry)) == (digest(FIRST), FIRST)
    push(registry, THIRD)
    assert (rollback(registry).now, live(registry)) == (digest(FIRST), FIRST)
    with pytest.raises(UserError, match="has no former model"):
        rollback(registry)
    assert live(registry) == FIRST
    assert {name for name in registry.names() if name.startswith("withdrawn")} == {
        f"withdrawn-{digest(each)}.ubj" for each in (SECOND, THIRD)
    }


def test_many_pushes_are_many_steps_back(registry: ModelRegistry) -> None:
    """The history is a stack."""
    for each in (FIRST, SECOND, THIRD):
        push(registry, each)
    assert [each.digest for each in formers(registry)] == [digest(FIRST), digest(SECOND)]
    assert [rollback(registry).now, rollback(registry).now] == [digest(SECOND), digest(FIRST)]
    assert formers(registry) == []


@pytest.mark.usefixtures("emulator")
def test_a_rollback_works_on_the_emulator() -> None:
    """A server that sends fewer headers than Google's is enough."""
    registry = registry_of("gs://models/live/penguins.ubj")
    push(registry, FIRST)
    push(registry, SECOND)
    assert (rollback(registry).now, live(registry)) == (digest(FIRST), FIRST)


def test_the_same_model_pushed_again_changes_nothing(registry: ModelRegistry) -> None:
    """A release that is run twice is no second release."""
    push(registry, FIRST)
    push(registry, SECOND)
    change = push(registry, SECOND)
    assert change.before == change.now
    assert [each.digest for each in formers(registry)] == [digest(FIRST)]


def test_a_bad_model_is_not_pushed(registry: ModelRegistry) -> None:
    """A refused model changes nothing, and the exit code is that of a refused model."""
    push(registry, FIRST)
    with pytest.raises(UserError, match="it is cut short") as refused:
        push(registry, SECOND[:-1])
    assert refused.value.code == EXIT_FAILED
    assert (live(registry), registry.names()) == (FIRST, [])


def test_a_damaged_former_model_is_not_restored(registry: ModelRegistry) -> None:
    """The live model stays, and the registry keeps both."""
    registry.add("000001-aaaaaaaaaaaa.ubj", SECOND[:-1])
    push(registry, FIRST)
    with pytest.raises(UserError, match="No worker would load the former model"):
        rollback(registry)
    assert (live(registry), registry.names()) == (FIRST, ["000001-aaaaaaaaaaaa.ubj"])


def test_one_of_two_concurrent_pushes_is_a_conflict(registry: ModelRegistry) -> None:
    """A write replaces the version that was read, or nothing."""
    push(registry, FIRST)
    earlier = registry.live()
    push(registry, SECOND)
    with pytest.raises(ConflictError):
        registry.replace(THIRD, before=earlier)
    with pytest.raises(ConflictError):
        registry.replace(THIRD, before=None)
    with pytest.raises(ConflictError):
        registry.add(formers(registry)[0].name, THIRD)
    assert live(registry) == SECOND


def test_an_interrupted_push_is_completed_by_the_next(registry: ModelRegistry) -> None:
    """The live model is then in its own history, which changes neither push nor rollback."""
    push(registry, FIRST)
    push(registry, SECOND)
    registry.add(f"000002-{digest(SECOND)}.ubj", SECOND)
    push(registry, THIRD)
    assert [each.digest for each in formers(registry)] == [digest(FIRST), digest(SECOND)]
    registry.add(f"000003-{digest(THIRD)}.ubj", THIRD)
    assert rollback(registry).now == digest(SECOND)


def test_an_upload_whose_answer_was_lost_is_no_conflict(storage: StorageServer) -> None:
    """The retry finds its own object under the precondition, and is no conflict."""
    registry = BucketRegistry(ModelObject("models", "penguins.ubj"))
    storage.faults.inject("insert", StorageFault(status=503, carried_out=True))
    registry.add("a", FIRST)
    assert (registry.names(), registry.read("a")) == (["a"], FIRST)
    assert storage.operations["insert"] > 1


def test_a_worker_reads_what_was_pushed(uri: str, registry: ModelRegistry) -> None:
    """The version changes with every push, so that a running worker sees it."""
    push(registry, FIRST)
    source = source_of(uri)
    before = source.version()
    push(registry, SECOND)
    fetched = source.fetch()
    assert before != fetched.version == source.version()
    assert fetched.artifact == SECOND
    if uri.startswith("gs://"):
        pinned = source_of(f"{uri}#{fetched.version}")
        assert pinned.fetch() == fetched


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The path is in the sentence."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        push(FolderRegistry(tmp_path / "file" / "model.ubj"), FIRST)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["model", *arguments])


def test_the_commands_print_their_changes(uri: str, tmp_path: Path) -> None:
    """Push, push, show, verify and rollback each print the change."""
    files = {name: tmp_path / f"{name}.ubj" for name in ("first", "second")}
    files["first"].write_bytes(FIRST)
    files["second"].write_bytes(SECOND)
    assert run("push", str(files["first"]), uri).output == f"{uri}: nothing -> {digest(FIRST)}\n"
    assert run("push", str(files["second"]), uri).output == f"{uri}: {digest(FIRST)} -> {digest(SECOND)}\n"
    shown = run("show", uri).output
    assert digest(SECOND) in shown
    assert "cross-validated" in shown
    assert digest(FIRST) in shown.splitlines()[-1]
    assert f"{uri} is good: model {digest(SECOND)}" in run("verify", uri).output
    assert run("rollback", uri).output == f"{uri}: {digest(SECOND)} -> {digest(FIRST)}\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["verify", "{bad}"], (1, "is refused: the file has no rookery-model line: ")),
        (["verify", "{folder}/nothing.ubj"], (2, "cannot be read: No such file or directory")),
        (["show", "s3://bucket/model"], (2, "a path or gs://bucket/object[#generation] is needed")),
        (["push", "{bad}", "{folder}/live.ubj"], (1, "No worker would load the pushed model")),
        (["push", "{bad}", "gs://bucket"], (2, "is needed")),
        (["rollback", "gs://bucket/model#7"], (2, "is one generation, which never changes")),
        (["rollback", "{folder}/nothing.ubj"], (2, "has no former model")),
    ],
)
def test_an_error_is_one_sentence_without_a_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: tuple[int, str],
) -> None:
    """One sentence, and an exit code that distinguishes a refused model from wrong usage."""
    bad = tmp_path / "bad.ubj"
    bad.write_text("hello")
    filled = [each.format(bad=bad, folder=tmp_path) for each in arguments]
    monkeypatch.setattr(sys, "argv", ["rookery", "model", *filled])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().err
    code, sentence = expected
    assert (ended.value.code, sentence in printed, "Traceback" in printed) == (code, True, False), printed


def test_the_shipped_model_is_shown_where_no_address_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """`rookery model show` works without an argument."""
    monkeypatch.delenv("ROOKERY_MODEL", raising=False)
    assert load(SHIPPED).model in run("show").output
