"""Folder of the store where none is named."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from rookery.broker.__main__ import main
from rookery.broker.storage.database import FILE_NAME, Database
from rookery.broker.storage.errors import NoDataFolderError
from rookery.broker.storage.folder import default_folder


@pytest.fixture(autouse=True)
def _linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.parametrize(
    ("named", "expected"), [("/data", "/data"), ("", "/me/.local/share"), ("x", "/me/.local/share")]
)
def test_the_users_data_folder_is_the_default(
    monkeypatch: pytest.MonkeyPatch, named: str, expected: str
) -> None:
    """XDG_DATA_HOME counts where it is absolute, else ~/.local/share."""
    monkeypatch.setenv("HOME", "/me")
    monkeypatch.setenv("XDG_DATA_HOME", named)
    assert default_folder() == Path(expected, "rookery", "broker")


def test_a_user_without_a_home_is_asked_for_a_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without home and option the broker ends with exit code 2 and says which options there are."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(NoDataFolderError):
        default_folder()
    monkeypatch.setattr("sys.argv", ["broker", "--port", "0"])
    assert main() == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--data" in line
    assert "--memory" in line


def test_the_store_is_its_users_alone(tmp_path: Path) -> None:
    """File and new folders cannot be read by others."""
    Database.open(tmp_path / "new", max_bytes=1_000_000).close()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / FILE_NAME).stat().st_mode) == 0o600
