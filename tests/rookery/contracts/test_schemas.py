"""`rookery contract`: the schemas that are derived from a contract."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TERRAFORM = ROOT / "deploy" / "terraform"
SHIPPED = ROOT / "worker" / "shipped" / "penguins.ubj"


def rookery(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "rookery", "contract", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


@pytest.fixture
def wells(tmp_path: Path) -> Path:
    """A contract of another data set."""
    file = tmp_path / "wells.json"
    said = {
        "name": "wells",
        "target": "verdict",
        "labels": ["good", "not sure"],
        "features": [{"name": "pH value", "least": 0, "most": 14}, {"name": "depth", "unit": "m"}],
    }
    file.write_text(json.dumps(said))
    return file


@pytest.mark.parametrize(("command", "file"), [("bigquery", "predictions.json"), ("avro", "reading.avsc")])
def test_the_files_of_terraform_are_what_the_command_writes(command: str, file: str, tmp_path: Path) -> None:
    """From no contract, and from the shipped model, come the very files of the deployment."""
    assert rookery(command).stdout == (TERRAFORM / file).read_text()
    written = tmp_path / file
    assert rookery(command, str(SHIPPED), "--out", str(written)).returncode == 0
    assert written.read_text() == (TERRAFORM / file).read_text()


def test_schemas_of_another_contract_have_its_names(wells: Path) -> None:
    """Features, target and labels of a contract's file stand in each schema."""
    columns = {each["name"]: each for each in json.loads(rookery("bigquery", str(wells)).stdout)}
    assert columns["verdict"]["mode"] == "REQUIRED"
    assert columns["features"]["type"] == "JSON"
    reading, table = json.loads(rookery("json-schema", str(wells)).stdout)["anyOf"]
    assert {"pH value", "depth"} <= reading["properties"].keys() & table["properties"].keys()
    document = json.loads(rookery("openapi", str(wells)).stdout)
    assert document["openapi"] == "3.1.0"
    assert "verdict" in document["components"]["schemas"]["Prediction"]["required"]


def test_what_cannot_be_written_is_one_sentence(wells: Path, tmp_path: Path) -> None:
    """A name that Avro does not take, a file that is no contract and one that cannot be written end with exit code 2."""
    other = tmp_path / "other.txt"
    other.write_text("no contract")
    for words, said in (
        (("avro", str(wells)), "pH value cannot be a field"),
        (("openapi", str(other)), "neither JSON nor a model"),
        (("openapi", str(tmp_path / "none.json")), "cannot be read"),
        (("openapi", "--out", str(tmp_path / "none" / "a.json")), "cannot be written"),
    ):
        done = rookery(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
