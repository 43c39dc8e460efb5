"""Settings by environment: which variable counts, what goes before it, and how a bad one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from rookery.worker.setting_names import FORMER, misspelled
from rookery.worker.settings import Settings, variables


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


NO_NUMBERS = [
    "",
    " 8",
    "8 ",
    "+8",
    "8_0",
    "\u0668",
    "\uff18",
    "0x8",
    "true",
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "8,5",
]


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize(
    "name", [name for name, field in Settings.model_fields.items() if field.annotation in {int, float}]
)
def test_a_number_is_written_in_digits(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks, other scripts, underscores and what is no finite number are refused by the setting's name."""
    monkeypatch.setenv(f"ROOKERY_{name.upper()}", text)
    with pytest.raises(ValidationError) as error:
        Settings()
    (wrong,) = error.value.errors()
    assert wrong["loc"] == (name,)
    assert wrong["msg"] in {"a whole number in digits is needed", "a number in digits is needed"}


def test_a_number_of_seconds_is_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither written in digits nor chosen in the code is infinity a number of seconds."""
    with pytest.raises(ValidationError, match="finite"):
        Settings(model_refresh_seconds=float("inf"))
    monkeypatch.setenv("ROOKERY_MODEL_REFRESH_SECONDS", "1e999")
    with pytest.raises(ValidationError, match="finite"):
        Settings()


@pytest.mark.parametrize("text", ["8.0", "8.5", "1e3"])
def test_a_whole_number_has_no_fraction_and_no_exponent(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole number has neither fraction nor exponent; a number of seconds may have both."""
    monkeypatch.setenv("ROOKERY_MODEL_REFRESH_SECONDS", text)
    assert Settings().model_refresh_seconds == float(text)
    monkeypatch.setenv("ROOKERY_PORT", text)
    with pytest.raises(ValidationError, match="a whole number in digits is needed"):
        Settings()


@pytest.mark.parametrize(
    ("text", "meant"),
    [("true", True), ("1", True), ("yes", True), ("OFF", False), ("0", False), ("no", False)],
)
def test_a_switch_is_on_or_off(text: str, meant: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """In any of the customary words."""
    monkeypatch.setenv("ROOKERY_TRACING", text)
    assert Settings().tracing is meant


@pytest.mark.parametrize("text", ["", "2", "01", "1.0", " true", "tru", "\u0661", "none"])
def test_a_switch_in_other_words_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number but 0 and 1, nothing cut short."""
    monkeypatch.setenv("ROOKERY_TRACING", text)
    with pytest.raises(ValidationError, match="tracing"):
        Settings()


@pytest.mark.parametrize(("former", "name"), FORMER.items())
def test_a_former_name_of_a_setting_is_read_for_one_more_version(
    former: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment that still says the former name gets what it asks for; today's name wins where both are set."""
    field = name.removeprefix("ROOKERY_").lower()
    first, second = ("false", "true") if field == "fast_path" else ("7", "8")
    if field == "push_jwks_url":
        first, second = "https://a.example/keys", "https://b.example/keys"
    monkeypatch.setenv(former, first)
    assert str(getattr(Settings(), field)).lower().removesuffix(".0") == first
    monkeypatch.setenv(name, second)
    assert str(getattr(Settings(), field)).lower().removesuffix(".0") == second


KNOWN = [each for name, field in Settings.model_fields.items() for each in variables(name, field)]


@pytest.mark.parametrize("name", [*(each for each in KNOWN if each.startswith("ROOKERY_")), *FORMER])
def test_a_misspelled_setting_is_refused_with_the_name_that_is_meant(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter too few, one too many, or two exchanged would leave an unwanted default in force."""
    for wrong in (name[:-1], f"{name}X", f"{name[:-2]}{name[-1]}{name[-2]}"):
        if wrong in {*KNOWN, *FORMER} or wrong.endswith("_"):
            continue
        monkeypatch.setenv(wrong, "1")
        with pytest.raises(
            ValidationError, match=rf"{wrong}\n  no setting has this name; is ROOKERY_\w+ meant\?"
        ):
            Settings()
        monkeypatch.delenv(wrong)


def test_every_reason_is_given_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelled setting hides no wrong value of another."""
    monkeypatch.setenv("ROOKERY_BATCH_ROW", "5")
    monkeypatch.setenv("ROOKERY_PORT", "many")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [each["loc"] for each in refused.value.errors()] == [("ROOKERY_BATCH_ROW",), ("port",)]


@pytest.mark.parametrize(
    "name", ["ROOKERY_TOPIC", "ROOKERY_LOAD_PEAK", "ROOKERY_DEBUG", "ROOKERY_ACCESS_TOKEN", "ROOKERYX"]
)
def test_variables_of_other_programs_are_no_misspellings(name: str) -> None:
    """Publisher, load tests and command line read variables of their own."""
    assert misspelled([name], KNOWN) == {}
