"""The systemd unit."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rookery.cli import app
from rookery.errors import UserError
from rookery.station.unit import STOP_S

ODD = 'a "b" $x %h \\ é'


def unit(folder: Path, *options: str) -> str:
    shown = CliRunner().invoke(app, ["up", "--systemd", "--data", str(folder), *options])
    assert shown.exit_code == 0
    return shown.output


@pytest.mark.parametrize("name", ["station", ODD])
def test_systemd_takes_the_unit(tmp_path: Path, name: str) -> None:
    """Systemd finds nothing to complain of, whatever signs the folder's name has; without systemd it is at least an INI file."""
    file = tmp_path / "rookery.service"
    file.write_text(unit(tmp_path / name, "--model", "m.ubj"))
    if (analyze := shutil.which("systemd-analyze")) is None:
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        parser.read(file)
        assert parser["Service"]["Type"] == "notify"
        return
    verified = subprocess.run([analyze, "verify", str(file)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_the_command_is_the_same_in_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interpreter, data folder and model are absolute, and every option is passed on."""
    monkeypatch.chdir(tmp_path)
    (line,) = [
        each for each in unit(tmp_path, "--model", "m.ubj").splitlines() if each.startswith("ExecStart")
    ]
    assert line == (
        f"ExecStart={sys.executable} -P -m rookery up --data {tmp_path} --host 127.0.0.1 --port 8085"
        f" --worker-port 8080 --model {tmp_path}/m.ubj"
    )
    remote = unit(tmp_path, "--model", "gs://bucket/model", "--host", "192.0.2.1")
    assert "--host 192.0.2.1" in remote
    assert "--model gs://bucket/model" in remote


def test_the_unit_restarts_waits_for_readiness_and_lets_the_supervisor_drain(tmp_path: Path) -> None:
    """Systemd signals the supervisor alone, gives it its time, and starts it again for ever."""
    lines = set(unit(tmp_path).splitlines())
    assert {"Type=notify", "Restart=always", "StartLimitIntervalSec=0", "KillMode=mixed"} <= lines
    assert f"TimeoutStopSec={STOP_S}" in lines
    assert f"ReadWritePaths={tmp_path}" in lines


def test_the_data_folder_is_the_users_own_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --data it is rookery/station in the user's data folder; without a home the option is named."""
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/share")
    shown = CliRunner().invoke(app, ["up", "--systemd"])
    assert "--data /srv/share/rookery/station " in shown.output
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", _no_home)
    with pytest.raises(UserError, match="no home folder"):
        CliRunner().invoke(app, ["up", "--systemd"], catch_exceptions=False)


def _no_home() -> Path:
    raise RuntimeError


def test_nothing_is_started(tmp_path: Path) -> None:
    """The unit is printed without a folder, a lock or a process."""
    unit(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
