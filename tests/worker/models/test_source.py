"""Addresses of models: files and objects in buckets, and words for what is neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.worker.models.choose import source_of
from rookery.worker.models.source import FileModelSource, ModelAddressError, ModelObject

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("gs://bucket/a/model.ubj", ModelObject("bucket", "a/model.ubj")),
        (
            "gs://bucket/model.ubj#1700000000000000",
            ModelObject("bucket", "model.ubj", 1_700_000_000_000_000),
        ),
    ],
)
def test_bucket_addresses_are_understood(address: str, meant: ModelObject) -> None:
    """With and without a generation, and written back as they were."""
    assert ModelObject.read(address) == meant
    assert source_of(address).address == address


@pytest.mark.parametrize(
    "address", ["", "s3://bucket/model", "gs://bucket", "gs://bucket/", "gs://b/m#0", "gs://b/m#x"]
)
def test_other_addresses_are_refused_in_words(address: str) -> None:
    """The operator learns what an address looks like."""
    with pytest.raises(ModelAddressError, match="is needed"):
        source_of(address)


def test_file_addresses_are_paths(tmp_path: Path) -> None:
    """A plain path and a file:// address are the same file."""
    assert source_of(f"file://{tmp_path}/a%20b") == FileModelSource(tmp_path / "a b")
    assert source_of("models/a.ubj").address == "models/a.ubj"
