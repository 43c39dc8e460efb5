"""The alerts of alerts.tf under promtool: each fires in the outage that it is for, from wherever its metrics begin."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.deploy.terraform_files import LOCALS

if TYPE_CHECKING:
    from pathlib import Path

PUSH: Final = 'monitored_resource="pubsub_subscription",subscription_id="readings-worker"'
KEPT: Final = 'monitored_resource="pubsub_subscription",subscription_id="readings-dead-letter-kept"'
COUNT: Final = "pubsub_googleapis_com:subscription_push_request_count"
LATENCY: Final = "pubsub_googleapis_com:subscription_push_request_latencies"
AGE: Final = "pubsub_googleapis_com:subscription_oldest_unacked_message_age"
HELD: Final = "pubsub_googleapis_com:subscription_num_undelivered_messages"
STREAMS: Final = "pubsub_googleapis_com:subscription_open_streaming_pulls"
READINGS: Final = "rookery_readings_total"

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: Debian's package prometheus has it"
)


def query(alert: str) -> str:
    """The query of an alert where one instance is always there."""
    text: str = LOCALS["alerts"][alert]["query"]
    # A conditional is Terraform's: the first branch is that of the default, min_instances = 1.
    if found := re.fullmatch(r'\$\{var\.min_instances > 0 \? "(.*?)" : ".*"\}', text):
        text = found[1]
    filled = text.replace("${local.push}", PUSH).replace("${local.kept}", KEPT).replace('\\"', '"')
    assert "${" not in filled
    return filled


def alerts(mode: str) -> list[str]:
    """The alerts of a service, or of a worker pool."""
    left = LOCALS["of_pulls" if mode == "push" else "of_pushes"]
    return [name for name in LOCALS["alerts"] if name not in left]


def rules(mode: str) -> dict[str, Any]:
    """All alerts as one group of Prometheus's rules."""
    made = [
        {"alert": name, "expr": query(name), "for": LOCALS["alerts"][name]["lasts"]} for name in alerts(mode)
    ]
    return {"groups": [{"name": "rookery", "rules": made}]}


def push(response: str, values: str) -> dict[str, str]:
    return {"series": f'{COUNT}{{{PUSH},response_class="{response}"}}', "values": values}


def series(name: str, values: str, labels: str = "") -> dict[str, str]:
    return {"series": f"{name}{{{labels}}}", "values": values}


ALIVE: Final = series(READINGS, "0+600x40", 'outcome="predicted"')
FIRING: Final[dict[str, tuple[str, list[dict[str, str]]]]] = {
    "half of the pushes fail": (
        "ack_share",
        [ALIVE, push("ack", "0+60x40"), push("remote_server_5xx", "0+60x40")],
    ),
    "every push fails from the start": ("ack_share", [ALIVE, push("remote_server_5xx", "0+60x40")]),
    "acknowledgements end": (
        "ack_share",
        [ALIVE, push("ack", "0+60x10 _x30"), push("remote_server_5xx", "_x10 0+60x30")],
    ),
    "acknowledgements stay where they are": (
        "ack_share",
        [ALIVE, push("ack", "0+60x10 600x30"), push("deadline_exceeded", "0x10 0+60x30")],
    ),
    "no metrics from the start": ("no_metrics", [push("ack", "0+60x40")]),
    "metrics end": ("no_metrics", [series(READINGS, "0+600x10 _x30", 'outcome="predicted"')]),
    "a backlog": ("backlog_age", [ALIVE, series(AGE, "301x40", PUSH)]),
    "a dead letter": ("dead_letters", [ALIVE, series(HELD, "1x40", KEPT)]),
    "rejects": (
        "reject_share",
        [ALIVE, series(READINGS, "0+60x40", 'outcome="rejected"')],
    ),
    "slow pushes": (
        "push_latency",
        [ALIVE, series(f"{LATENCY}_sum", "0+72000000x40", PUSH), series(f"{LATENCY}_count", "0+60x40", PUSH)],
    ),
    "a model that is not the configured one": (
        "model_degraded",
        [ALIVE, series("rookery_model_degraded", "1x40")],
    ),
    "drift": ("drift", [ALIVE, series("rookery_drift_index", "0.3x40", 'feature="a",monitored="true"')]),
}
LISTENS: Final = series(STREAMS, "1x40", PUSH)
OF_A_POOL: Final[dict[str, tuple[set[str], list[dict[str, str]]]]] = {
    "streams end": ({"no_listener"}, [ALIVE, series(STREAMS, "1x10 0x30", PUSH)]),
    "no stream from the start": ({"no_listener"}, [ALIVE]),
    "workers that take nothing": ({"backlog_age"}, [ALIVE, LISTENS, series(AGE, "301x40", PUSH)]),
    "no metrics at all": ({"no_listener", "no_metrics"}, [series(AGE, "2x40", PUSH)]),
    "metrics end": ({"no_metrics"}, [LISTENS, series(READINGS, "0+600x10 _x30", 'outcome="predicted"')]),
    "an idle topic": (set(), [LISTENS, series(READINGS, "0x40", 'outcome="predicted"')]),
    "a healthy pool": (set(), [LISTENS, ALIVE, series(AGE, "12x40", PUSH)]),
}
QUIET: Final = {
    "an idle topic": [series(READINGS, "0x40", 'outcome="predicted"')],
    "a healthy one": [
        ALIVE,
        push("ack", "0+6000x40"),
        push("remote_server_5xx", "0+6x40"),
        series(AGE, "2x40", PUSH),
    ],
    "a feature that changes by itself": [
        ALIVE,
        series("rookery_drift_index", "0.9x40", 'feature="a",monitored="false"'),
    ],
}


def firing(folder: Path, given: list[dict[str, str]], mode: str = "push") -> set[str]:
    """Names of the alerts that fire after 40 minutes of these series."""
    (folder / "rules.yml").write_text(yaml.safe_dump(rules(mode)))
    fired = set()
    for alert in alerts(mode):
        case = {
            "interval": "1m",
            "input_series": given,
            "alert_rule_test": [{"eval_time": "38m", "alertname": alert, "exp_alerts": []}],
        }
        tests = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [case]}
        (folder / "tests.yml").write_text(yaml.safe_dump(tests))
        promtool = ["promtool", "test", "rules", "tests.yml"]
        ran = subprocess.run(promtool, cwd=folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            assert f"alertname: {alert}" in ran.stdout + ran.stderr, ran.stdout + ran.stderr
            fired.add(alert)
    return fired


@pytest.mark.parametrize("outage", FIRING)
def test_an_alert_fires_in_its_outage(tmp_path: Path, outage: str) -> None:
    """Each alert fires in its own outage and only there, whether or not the metrics of better days exist."""
    alert, given = FIRING[outage]
    assert firing(tmp_path, given) == {alert}


@pytest.mark.parametrize("state", QUIET)
def test_no_alert_fires_without_an_outage(tmp_path: Path, state: str) -> None:
    """An idle topic, a healthy worker with a failed push in a thousand, and a feature that is not monitored wake no one."""
    assert firing(tmp_path, QUIET[state]) == set()


@pytest.mark.parametrize("state", OF_A_POOL)
def test_the_alerts_of_a_pool_fire_in_its_outages(tmp_path: Path, state: str) -> None:
    """No listener, nothing taken, and no metrics at all are found without pushes; a quiet and a healthy pool wake no one."""
    expected, given = OF_A_POOL[state]
    assert firing(tmp_path, given, "pull") == expected


def test_every_alert_is_tried() -> None:
    """There is an outage for each alert."""
    tried = {alert for alert, _ in FIRING.values()}.union(*(expected for expected, _ in OF_A_POOL.values()))
    assert tried == LOCALS["alerts"].keys()
