"""A model with another contract: it takes over under traffic only where it accepts what the present one accepts."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from rookery.schemas.contract.compiled import CompiledContract
from rookery.schemas.contract.contract import Contract
from rookery.worker.app import running
from rookery.worker.settings import Settings
from rookery.worker.testing import RuleClassifier
from tests.worker.artifacts import CHURN, artifact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import House

    from rookery.schemas.envelope import Envelope

FEATURES = tuple(feature.model_dump() for feature in CHURN.features)
WIDER = Contract.model_validate(
    {
        **CHURN.model_dump(),
        "version": 2,
        "features": (
            {"name": "region", "kind": "category", "categories": ("north", "south")},
            {**FEATURES[0], "least": None, "most": None},
            {**FEATURES[1], "categories": ("free", *FEATURES[1]["categories"])},
            FEATURES[2],
        ),
    }
)
NARROWER = Contract.model_validate({**CHURN.model_dump(), "version": 3, "features": FEATURES[:2]})
OLD = {"months": 12, "plan": "pro", "bill": 2.5}
NEW = {"months": 1200, "plan": "free", "region": "north"}


def push(fields: dict[str, Any], name: str) -> bytes:
    data = base64.b64encode(json.dumps(fields).encode()).decode()
    return json.dumps({"message": {"data": data, "messageId": name}, "subscription": "s"}).encode()


def lay(path: Path, content: bytes) -> None:
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


async def reported(client: aiohttp.ClientSession, status: str, model: str | None = None) -> dict[str, Any]:
    """Return the state of a worker once `/readyz` says so; `model` is one that must have been replaced."""
    while True:
        async with client.get("/readyz") as answer:
            state: dict[str, Any] = await answer.json()
        if state["status"] == status and state["model"] != model:
            return state


async def test_a_wider_contract_takes_over_under_traffic_and_a_narrower_one_is_refused(
    tmp_path: Path,
) -> None:
    """Every old reading is answered throughout; the refusal says which feature is gone, and the last known good model answers on."""
    model = tmp_path / "model.ubj"
    lay(model, artifact(CHURN))
    where = (tmp_path / "out").as_uri()
    settings = Settings(port=0, results=where, rejects=where, model=str(model), model_refresh_seconds=0.02)
    ended = asyncio.Event()

    async def traffic(client: aiohttp.ClientSession) -> set[str]:
        models = set()
        while not ended.is_set():
            async with client.post("/predict", json=OLD) as answer:
                (line,) = (await answer.json())["predictions"]
                models.add(line["model"])
            async with client.post("/", data=push(OLD, f"m{len(models)}")) as answer:
                assert answer.status == 204
        return models

    async with running(settings) as address, aiohttp.ClientSession(address) as client:
        first = (await reported(client, "ready"))["model"]
        pushing = asyncio.create_task(traffic(client))
        async with client.post("/predict", json=NEW) as answer:
            assert answer.status == 422
        lay(model, artifact(WIDER, seed=1))
        second = (await reported(client, "ready", first))["model"]
        async with client.post("/predict", json=NEW) as answer:
            (line,) = (await answer.json())["predictions"]
            assert (line["model"], line["missing"]) == (second, ["bill"])
        lay(model, artifact(NARROWER, seed=2))
        state = await reported(client, "degraded")
        assert state["model"] == second
        assert "contract: " in state["reason"]
        assert "bill" in state["reason"]
        assert "a restarted worker takes it" in state["reason"]
        async with client.get("/metrics") as answer:
            assert 'rookery_model_loads_total{outcome="refused"} 1.0' in await answer.text()
        async with client.post("/predict", json=NEW) as answer:
            assert answer.status == 200
        ended.set()
        assert await pushing <= {first, second}
    async with (
        running(settings) as address,
        aiohttp.ClientSession(address) as client,
        client.get("/contract") as answer,
    ):
        assert Contract.model_validate_json(await answer.read()) == NARROWER


class Swapped:
    """A current model that a test replaces."""

    def __init__(self, contract: Contract) -> None:
        self.classifier = RuleClassifier(contract=CompiledContract(contract))


async def test_readings_that_were_decoded_before_a_swap_are_answered_after_it(
    build: Callable[..., House], envelope: Callable[..., Envelope]
) -> None:
    """They are encoded by names for the model that answers, whose contract all lines of the batch have."""
    models = Swapped(CHURN)
    house = build(models)
    answered = asyncio.gather(
        house.pipeline.accept(envelope(json.dumps(OLD).encode())),
        house.pipeline.accept(
            envelope(json.dumps({name: [value] * 3 for name, value in OLD.items()}).encode())
        ),
    )
    # Both are decoded in the first turn of the loop, and classified in a later one.
    await asyncio.sleep(0)
    seen: list[Any] = []

    def rule(rows: Any) -> Any:
        seen.extend(rows.tolist())
        return (rows[:, 2] == WIDER.features[2].categories.index("pro")).astype(int)

    models.classifier = RuleClassifier(rule=rule, contract=CompiledContract(WIDER))
    await answered
    assert len(house.predictions) == 4
    assert [row[1:] for row in seen] == [[12.0, 3.0, 2.5]] * 4
    assert {(line["churned"], *line["missing"]) for line in house.predictions} == {("yes", "region")}
