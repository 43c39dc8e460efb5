"""A month's bill: each way of delivery and results, by Google's list prices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rookery.load.simulation.monthly import (
    MONTH_S,
    CloudDeployment,
    Load,
    alternatives,
    monthly_bill,
    objects,
)
from rookery.load.simulation.prices import Billing, UnknownRegionError, prices
from rookery.load.simulation.service import measured

FIFTY = Load(rate=50, rows=1, message_bytes=200)
PUSH = CloudDeployment()
PULL = CloudDeployment(billing=Billing.POOL, flush_interval_seconds=10.0, flush_rows=20_000)


def test_the_idle_bill_is_the_minimum_for_a_whole_month() -> None:
    """One instance with its collector: 1.1 vCPU and 1.25 GiB for 30 days, whatever is published."""
    for rate in (1.0, 50.0):
        found = monthly_bill(PUSH, replace(FIFTY, rate=rate), measured(), prices())
        assert found.idle == pytest.approx(MONTH_S * (1.1 * 0.000018 + 1.25 * 0.000002))
    assert monthly_bill(replace(PUSH, min_instances=0), FIFTY, measured(), prices()).idle == 0.0


def test_fifty_pushed_readings_a_second_cost_what_the_price_lists_say() -> None:
    """129.6 million pushes of 1,000 billed bytes, and an object each quarter of a second."""
    found = monthly_bill(PUSH, FIFTY, measured(), prices())
    assert found.delivery == pytest.approx(129.6e6 * 1000 / 2**40 * 40)
    assert found.writes == pytest.approx(4 * MONTH_S / 1000 * 0.005)
    assert found.requests == found.egress == found.result_topic == 0.0
    assert found.total == pytest.approx(sum(getattr(found, each) for each in found.__slots__))


def test_request_billing_pays_for_requests_and_less_for_idle_instances() -> None:
    """Forty cents a million requests; an instance of the minimum is cheaper while it has none."""
    by_request = replace(PUSH, billing=Billing.REQUEST)
    found = monthly_bill(by_request, FIFTY, measured(), prices())
    assert found.requests == pytest.approx(129.6 * 0.40)
    assert found.idle < monthly_bill(PUSH, FIFTY, measured(), prices()).idle
    nothing = monthly_bill(by_request, replace(FIFTY, rate=1e-9), measured(), prices())
    assert nothing.total == pytest.approx(found.idle, rel=1e-3)


def test_pull_writes_a_fortieth_of_the_objects() -> None:
    """An object in ten seconds in place of four a second, and messages that come together."""
    push = monthly_bill(PUSH, FIFTY, measured(), prices())
    pull = monthly_bill(PULL, FIFTY, measured(), prices())
    assert pull.writes == pytest.approx(push.writes / 40)
    assert pull.delivery < push.delivery / 4
    assert pull.idle < push.idle


def test_a_million_pulled_readings_are_a_hundredth_of_the_objects() -> None:
    """Where readings come fast enough to fill objects: some fifty in place of five thousand."""
    busy = replace(FIFTY, rate=5_000)
    millions = 5_000 * MONTH_S / 1e6
    push, pull = (objects(each, busy, measured()) / millions for each in (PUSH, PULL))
    assert push >= 5_000
    assert pull <= push / 100


def test_results_by_subscription_cost_by_the_byte() -> None:
    """A topic's publish and export, and a file in five minutes; BigQuery is one more export."""
    topic = replace(PUSH, results="topic")
    found = monthly_bill(topic, FIFTY, measured(), prices())
    terabytes = 50 * MONTH_S * 400 / 2**40
    assert found.result_topic == pytest.approx(terabytes * 90)
    assert found.writes == pytest.approx(MONTH_S / 300 / 1000 * 0.005)
    both = monthly_bill(replace(topic, bigquery=True), FIFTY, measured(), prices())
    assert both.result_topic == pytest.approx(terabytes * 140)


def test_egress_is_the_share_that_leaves_google() -> None:
    """Reading every result elsewhere costs the network's price of a GiB."""
    found = monthly_bill(PUSH, replace(FIFTY, egress_share=1.0), measured(), prices())
    assert found.egress == pytest.approx(50 * MONTH_S * 400 / 2**30 * 0.12)


def test_more_load_needs_more_instances_up_to_the_bound() -> None:
    """The load is billed beside the idle minimum, and no instance beyond the maximum."""
    busy = replace(FIFTY, rate=5_000)
    found = monthly_bill(PUSH, busy, measured(), prices())
    assert found.instances > found.idle
    most = monthly_bill(replace(PUSH, max_instances=2), busy, measured(), prices())
    assert most.instances == pytest.approx(found.idle)


def test_every_way_is_compared_once_and_the_deployments_own_first() -> None:
    """Six ways: push by either billing, and pull, each with either place of results."""
    for own in (PUSH, PULL, replace(PUSH, results="topic")):
        ways = [each.name for each in alternatives(own, pull_flush_seconds=10.0, pull_flush_rows=20_000)]
        assert ways[0] == own.name
        assert len(ways) == len(set(ways)) == 6


def test_prices_are_dated_and_by_region() -> None:
    """Tiers of regions have their own prices; a region without prices is refused with those that have."""
    assert prices("europe-west3").instance_vcpu_second > prices("europe-west1").instance_vcpu_second
    assert prices().date >= "2026-11-26"
    with pytest.raises(UnknownRegionError, match="europe-west1"):
        prices("moon-1")
