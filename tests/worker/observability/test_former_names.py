"""Former names of metrics, beside today's in one scrape."""

from __future__ import annotations

import re

import pytest

from rookery.worker.observability.former_names import FORMER
from rookery.worker.observability.metrics import Metrics


@pytest.mark.parametrize(("name", "former"), FORMER.items())
def test_a_former_name_of_a_metric_has_todays_values(name: str, former: str) -> None:
    """A dashboard that still asks for the former name sees what today's counts, sample by sample."""
    metrics = Metrics()
    metrics.model("penguins")
    metrics.denied("token")
    text = metrics.render().decode()
    # `_created` says when a counter began, which each rendering may say differently.
    found = {
        each: re.findall(rf"(?m)^{each}(?!_created)((?:_bucket|_sum|_count|_total)?(?:\\{{.*)? .*)$", text)
        for each in (name, former)
    }
    assert found[former] == found[name]
    assert f"# HELP {former}" in text
