"""The worker's own page: its model's contract and OpenAPI, and Swagger UI on which the example is answered."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from rookery.schemas.contract.contract import read_contract
from rookery.schemas.contract.default import default_contract
from rookery.worker.app import running
from rookery.worker.http import contract_pages
from rookery.worker.settings import Settings
from tests.worker.artifacts import CHURN, artifact

if TYPE_CHECKING:
    from pathlib import Path

PAGES = (
    "/contract",
    "/openapi.json",
    "/docs",
    "/docs/page.js",
    *(f"/docs/{name}" for name in contract_pages.FILES),
)


def chosen(folder: Path, **others: object) -> Settings:
    where = folder.as_uri()
    return Settings.model_validate({"port": 0, "results": where, "rejects": where, **others})


@pytest.mark.parametrize("shipped", [True, False])
async def test_the_contract_and_its_openapi_are_those_of_the_model(tmp_path: Path, *, shipped: bool) -> None:
    """Whichever model answers: its contract is read back as it was, and the document's example gets a prediction."""
    own = tmp_path / "own.ubj"
    own.write_bytes(artifact(CHURN))
    contract = default_contract() if shipped else CHURN
    settings = chosen(tmp_path, **({} if shipped else {"model": str(own)}))
    async with running(settings) as address, aiohttp.ClientSession(address) as client:
        async with client.get("/contract") as answer:
            assert read_contract(await answer.read(), source="the worker") == contract
        async with client.get("/openapi.json") as answer:
            document = await answer.json()
        assert document["info"]["title"].endswith(contract.name)
        body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        for example in body["examples"].values():
            async with client.post("/predict", json=example["value"]) as answer:
                lines = (await answer.json())["predictions"]
                assert answer.status == 200
                assert {line[contract.target] for line in lines} <= {*contract.labels}


async def test_pages_are_answered_to_this_host_alone_and_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Every page has a strict policy; another host or origin gets none of them, as it gets no other answer."""
    async with running(chosen(tmp_path)) as address, aiohttp.ClientSession(address) as client:
        for page in PAGES:
            async with client.get(page) as answer:
                assert answer.status == 200
                assert answer.headers["Content-Security-Policy"].startswith(
                    "default-src 'none'; script-src 'self';"
                )
                assert b"http" not in (await answer.read() if page in {"/docs", "/docs/page.js"} else b"")
            for refused in ({"Host": "elsewhere.example"}, {"Origin": "https://elsewhere.example"}):
                async with client.get(page, headers=refused) as answer:
                    assert answer.status == 403


async def test_a_worker_starts_without_the_pages_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is loaded when a browser asks for it; where it is missing, the answer says how to install it."""
    monkeypatch.setitem(sys.modules, "swagger_ui_bundle", None)
    contract_pages._folder.cache_clear()
    async with running(chosen(tmp_path)) as address, aiohttp.ClientSession(address) as client:
        async with client.get("/docs/swagger-ui.css") as answer:
            assert answer.status == 503
            assert "swagger_ui_bundle: pip install '.[worker]'" in await answer.text()
        async with client.get("/readyz") as answer:
            assert answer.status == 200
