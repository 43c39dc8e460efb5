"""Predictions and rejections in a folder, as a worker writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rookery.schemas.codec import in_base64
from rookery.schemas.prediction import Prediction
from rookery.schemas.rejection import Reason, Rejection

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def prediction(name: str, species: str = "Adelie", **more: object) -> Prediction:
    known = {
        "reading_id": name,
        "message_id": "1",
        "species": species,
        "probability": 0.9,
        "probabilities": {"Adelie": 0.9, "Chinstrap": 0.05, "Gentoo": 0.05},
        "out_of_distribution": False,
        "model": "m",
        "predicted_at": NOON,
    }
    return Prediction(**{**known, **more})


def written(root: Path, *files: list[Prediction], hour: str = "date=2026-11-22/hour=12") -> Path:
    folder = root / hour
    folder.mkdir(parents=True, exist_ok=True)
    for number, lines in enumerate(files):
        text = "".join(f"{each.model_dump_json()}\n" for each in lines)
        (folder / f"{number}.ndjson").write_text(text)
    return root


def rejection(root: Path, name: str, payload: bytes, rule: str, **more: object) -> None:
    one = Rejection(
        reasons=(Reason(field="body_mass_g", rule=rule, value="3"),),
        original=in_base64(payload), reading_id=name,
        rejected_at=NOON, revision="r", **{"message_id": f"m-{name}", **more},
    )  # fmt: skip
    folder = root / "date=2026-11-22/hour=12"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.ndjson").write_text(one.model_dump_json() + "\n")
