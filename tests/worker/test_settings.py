"""Settings by environment: which variable counts, what goes before it, and how a bad one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.settings import Settings, variables


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, field in Settings.model_fields.items():
        for each in variables(name, field):
            monkeypatch.delenv(each, raising=False)


@pytest.mark.parametrize("name", [name for name in Settings.model_fields if name != "emulator"])
def test_every_setting_is_read_from_its_own_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ROOKERY_<NAME>` as text: what suits is taken, what does not is refused by the setting's name."""
    before = getattr(Settings(), name)
    monkeypatch.setenv(f"ROOKERY_{name.upper()}", "anything else")
    try:
        taken = getattr(Settings(), name)
    except ValidationError as error:
        (wrong,) = error.errors()
        assert wrong["loc"] == (name,)
        assert not isinstance(before, Path)
        monkeypatch.setenv(f"ROOKERY_{name.upper()}", str(before))
        assert getattr(Settings(), name) == before
    else:
        assert str(taken) == "anything else"


@pytest.mark.parametrize(
    ("variable", "name", "value"),
    [
        ("PORT", "port", 1234),
        ("K_REVISION", "revision", "worker-7"),
        ("PUBSUB_EMULATOR_HOST", "emulator", "broker:8085"),
        ("rookery_host", "host", "::1"),
    ],
)
def test_the_names_of_the_platform_are_honoured(
    variable: str, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Run's and Google's own variables, and either case."""
    monkeypatch.setenv(variable, str(value))
    assert getattr(Settings(), name) == value


def test_the_workers_own_variable_goes_before_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is chosen in the code before both."""
    monkeypatch.setenv("PORT", "1")
    monkeypatch.setenv("ROOKERY_PORT", "2")
    assert Settings().port == 2
    assert Settings(port=3).port == 3


def test_every_bad_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the setting's name, with what is wrong with it."""
    monkeypatch.setenv("ROOKERY_PORT", "70000")
    monkeypatch.setenv("ROOKERY_DRAIN_SECONDS", "10")
    monkeypatch.setenv("ROOKERY_UNKNOWN", "is none of this worker's")
    with pytest.raises(ValidationError) as error:
        Settings()
    found = {each["loc"][0]: each["msg"] for each in error.value.errors()}
    assert found == {
        "port": "Input should be less than or equal to 65535",
        "drain_seconds": "Input should be less than 10",
    }
