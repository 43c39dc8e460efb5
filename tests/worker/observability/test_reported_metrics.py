"""Metrics: every phase, age, reason and size is reported under a name of its own, and a scrape changes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from rookery.schemas.codec import encode
from rookery.schemas.testing import ReadingFactory
from rookery.worker.app import running
from rookery.worker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rookery.schemas.envelope import Envelope


def body(envelope: Envelope, published: datetime) -> str:
    message = {"data": envelope.data, "messageId": envelope.message_id, "publishTime": published.isoformat()}
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"})


async def scraped(client: aiohttp.ClientSession) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    async with client.get("/metrics") as answer:
        text = await answer.text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_push_is_measured_phase_by_phase(tmp_path: Path, envelope: Callable[..., Envelope]) -> None:
    """Wait, prediction, write, whole push, and the age since publication; then reasons, sizes and the model."""
    sinks: dict[str, Any] = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
    published = datetime.now(UTC) - timedelta(seconds=3)
    async with running(Settings(port=0, **sinks)) as address, aiohttp.ClientSession(address) as client:
        for payload in (encode(ReadingFactory(1).table(300)), b'{"my own words": 2, "sex": "f"}'):
            async with client.post("/", data=body(envelope(payload), published)) as answer:
                assert answer.status == 204
        reported = await scraped(client)
        oldest = (datetime.now(UTC) - published).total_seconds()
        assert await scraped(client) != {}
    for phase in ("wait", "predict", "write", "push", "age"):
        assert reported[f"rookery_{phase}_seconds_count", ()] == 2
    assert 6 < reported["rookery_end_to_end_latency_seconds_sum", ()] < 2 * oldest
    assert (
        reported["rookery_request_duration_seconds_sum", ()] >= reported["rookery_sink_write_seconds_sum", ()]
    )
    assert reported["rookery_rejection_reasons_total", (("field", "other"), ("rule", "unknown field"))] == 1
    assert (
        reported[
            "rookery_rejection_reasons_total",
            (("field", "sex"), ("rule", "one of 'female' or 'male' is needed")),
        ]
        == 1
    )
    assert not any("my own words" in str(labels) for _, labels in reported)
    assert reported["rookery_queue_rows", ()] == reported["rookery_queue_bytes", ()] == 0
    assert reported["rookery_drift_rows", (("feature", "bill_length_mm"),)] == 300
    assert reported["rookery_drift_index", (("feature", "bill_length_mm"), ("monitored", "true"))] < 0.25
    assert reported["rookery_model_loaded_timestamp_seconds", ()] > published.timestamp()
    assert reported["rookery_batch_rows_bucket", (("le", "512.0"),)] == 2
    assert reported["rookery_batch_rows_bucket", (("le", "+Inf"),)] == 2
