"""Peers do the same work as Rookery: results on the disk, a verified token, any model's readings."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from benchmarks.peers.equal_work.result_file import ResultFile
from benchmarks.peers.equal_work.token_check import TokenCheck
from benchmarks.peers.push_body import pushed, row_reader
from benchmarks.servers.authority import ACCOUNT, AUDIENCE, Authority
from benchmarks.servers.reference_answers import MARK, push
from benchmarks.servers.server_spec import DURABLE_MOSEC, EQUAL_SERVERS, MOSEC
from rookery.schemas.codec import encode
from rookery.schemas.contract.default import default_compiled
from rookery.schemas.testing import ReadingFactory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with Authority(tmp_path_factory.mktemp("authority")) as running:
        yield running


def test_a_peers_results_are_synced_once_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A durable peer's file has a line for each reading of a batch, and one sync stands behind all of them."""
    syncs = []
    sync = os.fdatasync

    def counted(descriptor: int) -> None:
        syncs.append(os.fstat(descriptor).st_size)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    ResultFile(str(tmp_path / "results")).append(["a", "b"], [2, 0], [[0.1, 0.2, 0.7], [0.6, 0.2, 0.2]])
    content = (tmp_path / "results").read_bytes()
    assert [json.loads(line) for line in content.splitlines()] == [
        ["a", 2, [0.1, 0.2, 0.7]],
        ["b", 0, [0.6, 0.2, 0.2]],
    ]
    assert syncs == [len(content)]


def test_a_peer_admits_what_the_worker_would(authority: Authority) -> None:
    """A token of the account for the audience is admitted; another audience, a changed claim and no token are not."""
    check = TokenCheck(authority.keys_url, AUDIENCE, ACCOUNT)
    assert check.admits(authority.token)
    assert check.admits(authority.token)
    assert not check.admits(None)
    assert not check.admits("Bearer none")
    assert not TokenCheck(authority.keys_url, "https://elsewhere.example", ACCOUNT).admits(authority.token)
    head, claims, signature = authority.token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    said["exp"] += 3600
    longer = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    assert not check.admits(f"{head}.{longer}.{signature}")


def test_a_peer_reads_the_row_and_the_id_of_a_push() -> None:
    """A peer's row is the one that the worker's contract makes of the same reading."""
    factory = ReadingFactory(3)
    reading = factory.reading()
    row, message_id = pushed(push(encode(reading)))
    assert message_id == MARK
    (encoded,) = default_compiled().fields_matrix([reading.fields]).tolist()
    assert row == pytest.approx(encoded, rel=1e-6)


def test_a_peer_reads_generated_features_in_their_order() -> None:
    """Readings of a generated model are validated as numbers and become rows in the order of their names."""
    import msgspec  # noqa: PLC0415  the peers' own

    kind, row = row_reader(12)
    reading = {f"f{nth}": nth / 2 for nth in reversed(range(12))}
    assert row(msgspec.convert(reading, kind)) == tuple(nth / 2 for nth in range(12))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**reading, "f3": "x"}, kind)


def test_equal_peers_stand_beside_each_setting_of_the_plain_one() -> None:
    """Every setting of mosec is measured durable, too, and a peer that can verify tokens does."""
    assert [each.environment for each in DURABLE_MOSEC] == [each.environment for each in MOSEC]
    assert all(each.durable for each in EQUAL_SERVERS)
    assert [each.name for each in EQUAL_SERVERS if each.guarded] == ["durable FastAPI", "durable LitServe"]
