"""The sources of a contract: JSON, and the card of a model, read without xgboost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rookery.schemas.artifact import seal, unseal
from rookery.schemas.contract.contract import InvalidContractError
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.source import ContractUnreachableError, contract_of
from storage_emulator.server import StorageServer

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "worker" / "shipped" / "penguins.ubj"
FILE = ROOT / "schemas" / "penguins.json"


@pytest.mark.parametrize("source", [MODEL, FILE, str(FILE), FILE.read_bytes(), MODEL.read_bytes()])
def test_a_contract_is_read_from_json_and_from_a_model(source: Path | str | bytes) -> None:
    """By path or as bytes, the shipped file and the shipped model say the same."""
    assert contract_of(source) == default_contract()


def test_a_device_needs_no_xgboost_to_read_a_model() -> None:
    """Neither xgboost nor numpy is imported."""
    program = (
        "import sys; from rookery.schemas.contract.source import contract_of; contract_of(sys.argv[1]);"
        "print({'xgboost', 'numpy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(MODEL)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "set()\n"


def test_a_model_in_a_bucket_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """`gs://bucket/object` is downloaded; one that is not there is named."""
    with StorageServer("models") as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        from rookery.worker.storage_client import storage_client  # noqa: PLC0415  it reads the variable

        storage_client().bucket("models").blob("live.ubj").upload_from_string(MODEL.read_bytes())
        assert contract_of("gs://models/live.ubj") == default_contract()
        with pytest.raises(ContractUnreachableError, match=r"gs://models/other\.ubj cannot be read"):
            contract_of("gs://models/other.ubj")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", "neither JSON nor a model"),
        (b'{"name": "x"}', "target: Field required"),
        (seal(b"{L" + b"\0" * 40), "the model has no card"),
        (seal(unseal(MODEL.read_bytes()).replace(b'"contract"', b'"CONTRACT"')), "is of another version"),
        (MODEL.read_bytes()[:-20], "neither JSON nor a model"),
    ],
)
def test_anything_else_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    """Text, JSON of something else, a model without card, a card of the future, and a damaged file."""
    with pytest.raises(InvalidContractError, match=reason):
        contract_of(content)


def test_a_path_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The error carries the path and the reason."""
    with pytest.raises(ContractUnreachableError, match=r"nothing\.json cannot be read: No such file"):
        contract_of(tmp_path / "nothing.json")
