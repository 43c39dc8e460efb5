"""The page in each state that people meet: without results, with a season of them, drifted, and with dead programs beside it."""

from __future__ import annotations

import base64
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from rookery.environment.process import broker, worker
from rookery.schemas.testing import ReadingFactory
from tests.rookery.watch.visits import served, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SPECIES = ("Adelie", "Chinstrap", "Gentoo")
SHARES = (0.44, 0.2, 0.36)
SEASON = 12_000
"""Readings that fill every chart."""
OUTLIERS = 0.01
DAYS = 12
REASONS = (
    ("bill_length_mm", "at most 150 is possible", "4650"),
    ("body_mass_g", "a number is needed", '"4,2 kg"'),
    ("sex", "one of 'female' or 'male' is needed", '"f"'),
    ("reading", "a JSON object is needed", "[1, 2"),
)


def predictions(now: datetime, readings: int, *, heavier_by: float = 0.0) -> list[dict[str, Any]]:
    """A field season in two minutes: batches of some readings, twelve days of observation, one reading in a hundred out of distribution."""
    dice, factory = Random(4), ReadingFactory(4)  # noqa: S311  repeatable, not secret
    lines: list[dict[str, Any]] = []
    at = now - timedelta(seconds=118)
    while len(lines) < readings:
        at += timedelta(seconds=118 / readings * 8)
        for _ in range(dice.choice((2, 4, 6, 12, 16))):
            species, outlier = dice.choices(SPECIES, SHARES)[0], dice.random() < OUTLIERS
            fields = factory.fields(species)
            fields["body_mass_g"] = fields["body_mass_g"] + heavier_by
            if outlier:
                fields["bill_depth_mm"] = dice.uniform(21.5, 24)
            lines.append(_prediction(len(lines), species, fields, at, dice, outlier=outlier))
    return lines


def _prediction(  # noqa: PLR0913  each is a field of the line
    nth: int, species: str, fields: dict[str, Any], at: datetime, dice: Random, *, outlier: bool
) -> dict[str, Any]:
    wait = timedelta(milliseconds=dice.lognormvariate(2.6, 0.5))
    probability = round(1 - dice.betavariate(1, 30), 4)
    return {
        "reading_id": f"season-{nth}",
        "message_id": f"m{nth}",
        "species": species,
        "probability": probability,
        "probabilities": {species: probability},
        "out_of_distribution": outlier,
        "model": "e93ac8fb8e7e",
        "observed_at": (at - timedelta(days=DAYS * dice.random())).isoformat(),
        "published_at": (at - wait).isoformat(),
        "predicted_at": at.isoformat(),
        **({"features": fields} if outlier or nth % 4 == 0 else {}),
    }


def rejections(now: datetime) -> list[dict[str, Any]]:
    """Sixty rejections over the last minute, of four kinds."""
    return [
        {
            "reasons": [{"field": field, "rule": rule, "value": value}],
            "original": base64.b64encode(b'{"sex": "f"}').decode(),
            "reading_id": f"torgersen-device-07-{nth}",
            "message_id": f"r{nth}",
            "device_id": "torgersen-07",
            "rejected_at": (now - timedelta(seconds=60 - nth)).isoformat(),
            "revision": "r",
        }
        for nth in range(60)
        for field, rule, value in (REASONS[nth % len(REASONS)],)
    ]


@contextmanager
def states(folder: Path, readings: int) -> Iterator[dict[str, Callable[[], str]]]:
    """By name, in this order, what brings the page into a state and gives its address."""
    with ExitStack() as stack:
        for name in ("empty", "drifted", "full", "logs"):
            (folder / name).mkdir()
        logs = folder / "logs"
        running = stack.enter_context(
            worker(logs, results=folder / "full" / "predictions", rejects=folder / "full" / "rejections")
        )
        queue = stack.enter_context(broker(logs))
        named = ["--worker", running.address(), "--broker", queue.address()]

        def page(name: str, *arguments: str, heavier_by: float | None = None) -> str:
            if heavier_by is not None:
                now = datetime.now(UTC)
                write(folder / name, "predictions", "a", predictions(now, readings, heavier_by=heavier_by))
                write(folder / name, "rejections", "a", rejections(now))
            return stack.enter_context(served(folder / name, folder / name, *arguments))

        def down(address: str) -> str:
            running.popen.kill()
            queue.popen.kill()
            return address

        known: dict[str, str] = {}

        def full() -> str:
            known["full"] = page("full", *named, heavier_by=0.0)
            return known["full"]

        yield {
            "empty": lambda: page("empty"),
            "drifted": lambda: page("drifted", heavier_by=1200.0),
            "full": full,
            "down": lambda: down(known["full"]),
        }
