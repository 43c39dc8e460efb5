"""`/docs` in a real browser: it is drawn without a message, and its example is answered when it is tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from rookery.environment.process import worker
from tests.rookery.watch.conftest import browser
from tests.worker.artifacts import CHURN, artifact

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

__all__ = ["browser"]


def test_the_example_on_the_page_is_answered(browser: Browser, tmp_path: Path) -> None:
    """A click on Execute sends the contract's example, and the prediction is shown; no file comes from elsewhere."""
    model = tmp_path / "churn.ubj"
    model.write_bytes(artifact(CHURN))
    settings = {"ROOKERY_MODEL": str(model)}
    with worker(tmp_path, results=tmp_path, rejects=tmp_path, settings=settings) as process:
        address = process.address()
        context = browser.new_context()
        page = context.new_page()
        logged: list[str] = []
        page.on("console", lambda message: logged.append(message.text))
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.on(
            "request",
            lambda sent: logged.append(sent.url) if not sent.url.startswith((address, "data:")) else None,
        )
        page.goto(f"{address}/docs")
        expect(page.locator(".title")).to_contain_text("churn")
        page.locator("#operations-default-predict .opblock-summary-control").click()
        page.locator("#operations-default-predict .try-out__btn").click()
        page.locator("#operations-default-predict .execute").click()
        answer = page.locator("#operations-default-predict .live-responses-table")
        expect(answer.locator(".response-col_status").last).to_contain_text("200")
        expect(answer).to_contain_text('"churned"')
        assert logged == []
        context.close()
