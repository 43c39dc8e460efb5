"""Wrong usage of every command: one reason, what is needed, exit code 2, and no traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rookery.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CASES = {
    # addresses
    "publish file {good} --broker http://127.0.0.1:1": "is no broker's address: HOST:PORT is needed",
    "publish file {good} --broker 127.0.0.1": "is no broker's address: HOST:PORT is needed",
    "publish file {good} --broker 127.0.0.1:99999": "is no broker's address: HOST:PORT is needed",
    "publish reading --bill-length-mm 40 --broker 127.0.0.1:x": "is no broker's address",
    "publish file {good} --topic a/b/c": "projects/PROJECT/topics/TOPIC is needed",
    "publish file {good} --topic readings": "its project is needed too",
    "publish file {good} --topic projects/p/topics/t --project q": "it belongs to project p, not to q",
    "setup --push-to nowhere": "needed is an http or https URL",
    "setup --push-to http://x --broker http://127.0.0.1:1": "is no broker's address",
    "setup --push-to http://x --topic x/y": "projects/PROJECT/topics/TOPIC is needed",
    "doctor --broker http://127.0.0.1:1": "is no broker's address",
    "doctor --topic x/y": "projects/PROJECT/topics/TOPIC is needed",
    "rejects replay {folder} --broker http://127.0.0.1:1": "is no broker's address",
    "watch {folder} --worker 127.0.0.1:8080": "--worker 127.0.0.1:8080: a URL is needed, as http://127.0.0.1:8080",
    "watch {folder} --worker http://[::1": "--worker http://[::1: a URL is needed, as http://127.0.0.1:8080",
    "watch {folder} --broker http://127.0.0.1:1": "is no broker's address",
    "watch {folder} --port 99999": "less than or equal to 65535",
    "watch {folder} --port {taken}": "Cannot listen on 127.0.0.1:{taken}",
    "watch {folder} --host nosuch.invalid --port 0": "--host names an address of this machine",
    "demo --results s3://bucket": "--results s3://bucket: a folder, gs://bucket/prefix or pubsub://project/topic is needed",
    "demo --use-emulator nowhere": "Pub/Sub does not answer at nowhere",
    "watch s3://bucket": "a folder, gs://bucket/prefix or pubsub://project/topic is needed",
    # places
    "publish csv {tmp}/none.csv": "there is no such file",
    "publish csv {folder}": "{folder}",
    "publish csv {empty}": "a line with the names of the columns is needed",
    "publish csv {tmp}/none.zip": "there is no such file",
    "results summary {folder} --labels {tmp}/none.csv": "The labels cannot be read: {tmp}/none.csv: there is no such file",
    "classify {tmp}/none.csv --out {tmp}/o.csv": "{tmp}/none.csv: No such file or directory",
    "classify {good} --out {tmp}/o.txt": "a name that ends in .csv, .xlsx or .parquet is needed",
    "classify {good} --out {good}": "is the file that is read: another name is needed",
    "classify {good} --out {tmp}/o.csv --model {good}": "is refused: the file has no rookery-model line",
    "contract infer {good} --label nosuch --out {tmp}/o.json": "column nosuch is needed, once; the file has bill_length_mm",
    "up --data {good}": "--data names another folder",
    "rejects show {folder} nothing": "There is no rejected reading nothing",
    "results summary {tmp}/none": "There is no folder {tmp}/none",
    "results summary {good}": "There is no folder {good}",
    "results summary s3://bucket": "a path, file:///dir or gs://bucket/prefix is needed",
    "results export {tmp}/none --out {tmp}/x.csv": "There is no folder {tmp}/none",
    "results export {folder} --out {folder}": "{folder}",
    "results export {folder} --since yesterday --out {tmp}/x.csv": "--since",
    "results compact {tmp}/none": "There is no folder {tmp}/none",
    "rejects list {tmp}/none": "There is no folder {tmp}/none",
    "model show {tmp}/none": "No such file or directory",
    "model verify {folder}": "Is a directory",
    "model push {tmp}/none {tmp}/live.ubj": "does not exist",
    "model rollback {tmp}/live.ubj": "has no former model",
    "demo --results /proc/none": "--results names another",
    "outbox drain {tmp}/none.db": "{tmp}/none.db",
    "outbox status {good}": "{good}: file is not a database",
    # values
    "plan --rate fast": "readings a second are needed, as 50000/s",
    "plan --rate 50/s --shape none": "none",
    "load --shape none": "none is none of baseline, normal, stress, spike",
    "load --target none": "'none' is not one of",
    "load --seconds -1": "greater than or equal to 1",
    "simulate --days x": "--days",
    "simulate --drift nosuch=5 --dry-run --count 1": "--drift nosuch=5: one of bill_length_mm",
    "publish reading --set nosuch=3": "NAME=VALUE is needed, with one of bill_length_mm",
    "publish file {good} --map x": "COLUMN=FIELD is needed, not 'x'",
    "plan --rate 50/s --like {tmp}/none": "--like deploy/terraform is such a folder",
    "demo --dataset nosuch": "one of penguins, iris, wine, breast-cancer is needed",
    "publish file {good} --map nosuch=bill_length_mm": "nosuch",
    "publish reading --bill-length-mm forty": "a number is needed",
    "publish reading --bill-length-mm 4000 --broker 127.0.0.1:1": "--bill-length-mm 4000.0: at most 150 is possible",
    # commands and options
    "nosuch": "No such command",
    "results nosuch": "No such command",
    "publish csv": "Missing argument",
    "setup --nosuch": "No such option",
}
"""A command line, and a part of its error."""

CHILDREN = {
    "serve --port 99999": "less than or equal to 65535",
    "serve --port {taken}": "cannot listen on 127.0.0.1:{taken}",
    "serve --port 0 --results s3://bucket": "ROOKERY_RESULTS=s3://bucket",
    "serve --port 0 --results file:///proc/none": "cannot write to /proc/none",
    "serve --port 0 --model {good}": "rookery model verify",
    "broker --port {taken} --memory": "broker: cannot listen on 127.0.0.1:{taken}: Address already in use",
    "broker --host no.invalid --memory": "broker: cannot listen on no.invalid:8085: Name or service not known",
    "broker --duplicate 7 --memory": "needed is 0 to 1",
    "train --data {tmp}/none.csv": "No such file or directory",
    "train --data {empty}": "column bill_length_mm is needed, once",
}
"""Commands that become another program."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Paths and a taken port, by the names that stand in the cases."""
    tmp = tmp_path_factory.mktemp("usage")
    made: dict[str, Path] = {
        "tmp": tmp,
        "good": tmp / "a.csv",
        "empty": tmp / "empty.csv",
        "folder": tmp / "folder",
    }
    made["good"].write_text("bill_length_mm\n40\n")
    made["empty"].touch()
    made["folder"].mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield {name: str(path) for name, path in made.items()} | {"taken": str(listening.getsockname()[1])}


def filled(text: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def checked(said: str, expected: str, code: object) -> None:
    assert code == 2, said
    assert "Traceback" not in said
    assert expected in " ".join(line.strip(" │") for line in said.splitlines())


@pytest.mark.parametrize("typed", CASES)
def test_wrong_usage_is_explained(
    typed: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason, and what is needed in its place; exit code 2."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(sys, "argv", ["rookery", *filled(typed, places).split()])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    checked(said.out + said.err, filled(CASES[typed], places), ended.value.code)


@pytest.mark.parametrize("typed", CHILDREN)
def test_wrong_usage_of_a_program_of_its_own_is_explained(typed: str, places: dict[str, str]) -> None:
    """The same for what runs until it is ended."""
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "rookery", *filled(typed, places).split()],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    checked(shown.stdout + shown.stderr, filled(CHILDREN[typed], places), shown.returncode)
