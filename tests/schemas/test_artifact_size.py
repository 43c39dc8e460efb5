"""The size of a model: bounded by a setting that every program which reads a model obeys."""

from __future__ import annotations

import pytest

from rookery.schemas.artifact import MAX_BYTES, InvalidArtifactError, max_bytes, seal, unseal
from rookery.schemas.contract.source import contract_of
from rookery.worker.models.loader import SHIPPED, ModelRefusedError, load
from rookery.worker.settings import Settings


@pytest.mark.parametrize("variable", ["ROOKERY_MODEL_MAX_BYTES", "rookery_model_max_bytes"])
def test_the_setting_bounds_each_reading_of_a_model(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Seal, loader and the contract's reader refuse a model beyond it, and name the setting."""
    monkeypatch.setenv(variable, "1000")
    assert Settings().model_max_bytes == max_bytes() == 1000
    artifact = SHIPPED.read_bytes()
    for read in (unseal, load, contract_of):
        with pytest.raises(
            (InvalidArtifactError, ModelRefusedError, ValueError), match="ROOKERY_MODEL_MAX_BYTES"
        ):
            read(artifact)


def test_a_model_of_more_than_the_former_bound_is_read() -> None:
    """The bound is 64 MB where nothing else is said; 16 MB was that of one small data set."""
    assert Settings().model_max_bytes == max_bytes() == MAX_BYTES == 64 * 1024 * 1024
    booster = b"{L" + bytes(20 * 1024 * 1024)
    assert unseal(seal(booster)) == booster
