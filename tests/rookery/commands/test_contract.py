"""`rookery contract`: infer, show and check."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rookery.__main__ import main
from rookery.cli import app
from rookery.schemas.contract.contract import read_contract

DATA = Path(__file__).parents[3] / "data" / "penguins.csv"
IRIS = "length,width,kind\n" + "".join(
    f"{5 + row / 10:.1f},{3 - row / 20:.2f},{('setosa', 'virginica')[row % 2]}\n" for row in range(30)
)


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    path = tmp_path / "iris.csv"
    path.write_text(IRIS)
    return path


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["contract", *map(str, arguments)])
    return done.exit_code, done.output


def test_a_contract_is_inferred_written_shown_and_checked(iris: Path, tmp_path: Path) -> None:
    """The file that `infer` writes is what `show` prints and `check` validates by."""
    out = tmp_path / "iris.json"
    code, printed = run("infer", iris, "--label", "kind", "--out", out)
    assert (code, "length" in printed, f"written to {out}" in printed) == (0, True, True)
    contract = read_contract(out.read_bytes(), source="it")
    assert (contract.name, contract.labels) == ("iris", ("setosa", "virginica"))
    code, printed = run("show", out)
    assert (code, "kind: setosa, virginica" in printed, "number" in printed) == (0, True, True)
    assert run("check", iris, "--contract", out) == (0, f"{iris}: 0 of 30 rows would be refused\n")


def test_without_a_file_the_json_is_printed(iris: Path) -> None:
    """It can be piped."""
    done = CliRunner().invoke(app, ["contract", "infer", str(iris), "--label", "kind"])
    assert read_contract(done.stdout, source="it").names == ("length", "width")


def test_refused_rows_are_counted_by_reason(iris: Path, tmp_path: Path) -> None:
    """Each reason has its rows and the first line; columns that are absent or unknown are named; the exit code is 1."""
    out = tmp_path / "iris.json"
    run("infer", iris, "--label", "kind", "--out", out)
    june = tmp_path / "june.csv"
    june.write_text("length,note\n5.1,a\n900,b\nlong,c\n901,d\n,e\n")
    code, printed = run("check", june, "--contract", out)
    assert code == 1
    for said in (
        "4 of 5 rows would be refused",
        "2 rows, the first in line 3: length: at most",
        "1 rows, the first in line 4: length: a number is needed",
        "1 rows, the first in line 6: at least one of length, width is needed",
        "the file has no column width: it counts as missing",
        "column note is no feature of the contract and is not sent",
    ):
        assert said in printed


def test_the_shipped_contract_is_shown_and_its_data_pass() -> None:
    """Without a source, show and check take the shipped contract; rows without any measurement are refused."""
    assert "flipper_length_mm" in run("show")[1]
    code, printed = run("check", DATA)
    assert (code, "2 of 344 rows would be refused" in printed) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["infer", "{folder}/nothing.csv", "--label", "kind"], "nothing.csv: No such file or directory."),
        (
            ["infer", "{iris}", "--label", "species"],
            "column species is needed, once; the file has length, width, kind.",
        ),
        (["show", "{iris}"], "is refused: it is neither JSON nor a model"),
        (["check", "{iris}", "--contract", "{folder}/no.json"], "no.json cannot be read"),
        (["check", "{folder}/iris.doc"], "a file of .csv"),
    ],
)
def test_an_error_is_one_sentence(
    iris: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    """The exit code is 2, and no traceback is shown."""
    filled = [each.format(iris=iris, folder=iris.parent) for each in arguments]
    monkeypatch.setattr(sys, "argv", ["rookery", "contract", *filled])
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr().err
    assert (ended.value.code, sentence in printed, "Traceback" in printed) == (2, True, False), printed
