"""Terraform's modes: push or pull, and results by object or by subscription."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
from google.pubsub_v1.types import CloudStorageConfig

from rookery.capacity.plan import PULL_FLUSH_SECONDS
from rookery.capacity.terraform import deployment_like
from rookery.load.simulation.monthly import CloudDeployment
from rookery.load.simulation.prices import Billing
from rookery.worker.settings import Settings
from tests.deploy.terraform_files import ALL, FOLDER, LOCALS, RESOURCES, TEXT, VARIABLES, WORKER

POOL: Final[dict[str, Any]] = RESOURCES["google_cloud_run_v2_worker_pool.worker"]
SUBSCRIPTION: Final[dict[str, Any]] = RESOURCES["google_pubsub_subscription.worker"]
FILES: Final[dict[str, Any]] = RESOURCES["google_pubsub_subscription.result_files"]


def test_a_deployment_is_a_service_or_a_worker_pool() -> None:
    """The mode decides which of the two is made, and whether the subscription pushes."""
    service = RESOURCES["google_cloud_run_v2_service.worker"]
    assert service["count"] == '${var.mode == "push" ? 1 : 0}'
    assert POOL["count"] == '${var.mode == "pull" ? 1 : 0}'
    assert VARIABLES["mode"]["default"] == "push"
    (push,) = SUBSCRIPTION["dynamic"]
    assert push["push_config"]["for_each"] == "${google_cloud_run_v2_service.worker[*].uri}"
    assert "push_config" not in SUBSCRIPTION


def test_a_worker_pool_runs_the_same_containers_as_the_service() -> None:
    """Image, resources, environment and probes are the service's; it has no port and no CPU setting of requests."""
    service, pool = WORKER["containers"], POOL["template"][0]["containers"]
    assert [each["name"] for each in pool] == [each["name"] for each in service]
    for ours, theirs in zip(pool, service, strict=True):
        assert ours["image"] == theirs["image"]
        assert ours["resources"][0]["limits"] == theirs["resources"][0]["limits"]
        assert ours.get("dynamic") == theirs.get("dynamic")
        assert ours.get("startup_probe") == theirs.get("startup_probe")
        assert ours.get("liveness_probe") == theirs.get("liveness_probe")
        assert "ports" not in ours
        assert "cpu_idle" not in ours["resources"][0]


def test_a_worker_pool_scales_by_cpu_between_the_same_bounds() -> None:
    """Without a message nothing would start a first instance, so that the minimum is at least one."""
    assert POOL["scaling"] == [
        {
            "scaling_mode": "AUTOMATIC",
            "min_instance_count": "${var.min_instances}",
            "max_instance_count": "${var.max_instances}",
        }
    ]
    (bound,) = VARIABLES["min_instances"]["validation"]
    assert bound["condition"] == '${var.mode == "push" || var.min_instances >= 1}'


def test_a_worker_pool_pulls_from_the_subscription_that_is_made_for_it() -> None:
    """Its setting names the subscription, its account may take messages, and it starts after both are there."""
    (name,) = re.findall(r"subscription\s*= \"(projects/[^\"]+)\"", TEXT["worker.tf"])
    assert name == "projects/${var.project}/subscriptions/" + SUBSCRIPTION["name"]
    (pull,) = re.findall(
        r"ROOKERY_PULL = local\.subscription, ROOKERY_FLUSH_INTERVAL_SECONDS = \"(\d+)\"", ALL
    )
    assert float(pull) == PULL_FLUSH_SECONDS
    settings = Settings(
        {"ROOKERY_PULL": "projects/p/subscriptions/readings-worker", "ROOKERY_FLUSH_INTERVAL_SECONDS": pull}
    )
    lease = VARIABLES["ack_deadline_seconds"]["default"]
    assert settings.flush_interval_seconds + settings.write_timeout_seconds < lease
    assert {
        "${google_pubsub_subscription.worker}",
        "${google_pubsub_subscription_iam_member.worker_pulls}",
    } <= set(POOL["depends_on"])


def test_results_go_to_objects_or_to_the_topic() -> None:
    """With results = "topic" the worker publishes and writes no object of predictions; rejections stay objects."""
    places = LOCALS["result_places"]
    assert 'var.results == "bucket" ? [local.results] : []' in places
    assert LOCALS["has_result_topic"] == '${var.results_topic || var.results == "topic"}'
    for resource in ("google_pubsub_topic.results", "google_pubsub_topic_iam_member.worker_publishes"):
        assert RESOURCES[resource]["count"] == "${local.has_result_topic ? 1 : 0}"
    assert "ROOKERY_REJECTS              = local.rejects" in TEXT["worker.tf"]


def test_a_cloud_storage_subscription_writes_the_result_topic() -> None:
    """Files of five minutes below the prefix of the predictions, with a name that the readers know, and no message lost."""
    (config,) = FILES["cloud_storage_config"]
    assert FILES["topic"] == "${google_pubsub_topic.results[0].id}"
    known = {field.name for field in CloudStorageConfig.pb(CloudStorageConfig()).DESCRIPTOR.fields}
    assert config.keys() <= known, "Google knows every field"
    assert config["filename_prefix"] == "predictions/"
    assert config["filename_suffix"] == ".ndjson"
    assert 60 <= int(config["max_duration"].removesuffix("s")) <= FILES["ack_deadline_seconds"]
    assert FILES["dead_letter_policy"][0]["dead_letter_topic"] == "${google_pubsub_topic.dead_letters.id}"
    writes = RESOURCES["google_storage_bucket_iam_member.agent_writes_files"]
    assert writes["member"] == "${local.pubsub_agent}"
    assert set(re.findall(r"roles/[\w.]+", writes["for_each"])) == {
        "roles/storage.legacyBucketReader",
        "roles/storage.objectCreator",
    }


def test_alerts_link_to_their_sections_and_a_pool_has_none_of_pushes() -> None:
    """The link's anchor is the heading's; alerts on pushes are not made for a pool, nor those on streams for a service."""
    policy = RESOURCES["google_monitoring_alert_policy.rookery"]
    assert '!contains(var.mode == "push" ? local.of_pulls : local.of_pushes, name)' in policy["for_each"]
    assert {*LOCALS["of_pushes"], *LOCALS["of_pulls"]} <= LOCALS["alerts"].keys()
    (link,) = policy["documentation"][0]["links"]
    assert link["url"] == '${var.runbook}#${replace(lower(each.value.title), " ", "-")}'
    assert link["url"] in policy["documentation"][0]["content"]
    runbook = (FOLDER.parents[1] / "docs" / "operations.md").read_text()
    headings = {each.lower().replace(" ", "-") for each in re.findall(r"^### (.+)$", runbook, re.MULTILINE)}
    titles = re.findall(r'title\s*= "([^"]+)"\n\s*says', TEXT["alerts.tf"])
    assert {each.lower().replace(" ", "-") for each in titles} <= headings
    assert VARIABLES["runbook"]["default"].endswith("docs/operations.md")


@pytest.mark.parametrize(
    ("chosen", "billing", "results"),
    [("", Billing.INSTANCE, "bucket"), ('mode = "pull"\nresults = "topic"', Billing.POOL, "topic")],
    ids=["push", "pull"],
)
def test_the_plan_reads_the_mode(tmp_path: Any, chosen: str, billing: Billing, results: str) -> None:
    """`rookery plan --like` prices a service or a worker pool, as the folder's values say."""
    for path in FOLDER.glob("*.tf"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "terraform.tfvars").write_text(chosen)
    found = deployment_like(tmp_path)
    assert (found.billing, found.results) == (billing, results)
    assert (found.vcpu, found.gib) == (CloudDeployment().vcpu, CloudDeployment().gib)
