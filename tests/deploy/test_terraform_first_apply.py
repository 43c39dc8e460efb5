"""Terraform on a new project, and after a release: APIs, accounts, scaling, the budget and what is kept for how long."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import duckdb
import pytest
import yaml

from tests.deploy.terraform_files import ALL, FOLDER, RESOURCES, TEXT, VARIABLES, WORKER

if TYPE_CHECKING:
    from pathlib import Path

SERVICE: Final = RESOURCES["google_cloud_run_v2_service.worker"]
README: Final = (FOLDER / "README.md").read_text()
APIS: Final = set(re.findall(r'"(\w+)\.googleapis\.com",', TEXT["apis.tf"]))

MONTH_S: Final = 30 * 24 * 3600
CPU_SECOND, GIB_SECOND = 0.000018, 0.000002
"""Dollars of instance billing in a tier-1 region, November 2026."""


def test_the_apis_that_terraform_itself_calls_are_enabled_before_it_runs() -> None:
    """The README enables them first, as no provider can enable an API without them, and Terraform keeps them enabled."""
    own = {"cloudresourcemanager", "iam", "serviceusage"}
    commands = README.partition("    cd deploy/terraform\n")[2]
    first = commands.partition("terraform init")[0]
    assert "gcloud services enable" in first
    assert set(re.findall(r"(\w+)\.googleapis\.com", first)) == own
    assert own <= APIS


@pytest.mark.parametrize(
    "kind", ["google_service_account", "google_storage_bucket", "google_project_iam_custom_role"]
)
def test_nothing_is_made_before_its_api_is_enabled(kind: str) -> None:
    """Accounts, buckets and roles wait for the APIs, also in an apply without targets."""
    made = {name: body for name, body in RESOURCES.items() if name.startswith(f"{kind}.")}
    assert made
    waiting = {
        name
        for name, body in made.items()
        if "${google_project_service.needed}" in body.get("depends_on", [])
    }
    assert made.keys() == waiting


def test_a_build_can_be_verified(root: Path) -> None:
    """Provenance needs the Container Analysis API, and a build of an account of its own logs to Cloud Logging."""
    options = yaml.safe_load((root / "deploy" / "cloudbuild.yaml").read_text())["options"]
    assert options == {"requestedVerifyOption": "VERIFIED", "logging": "CLOUD_LOGGING_ONLY"}
    assert {"cloudbuild", "containeranalysis", "logging", "artifactregistry"} <= APIS


def test_the_first_image_is_built_like_every_other(root: Path) -> None:
    """README and release name the account and the bucket that Terraform makes for builds."""
    account = RESOURCES["google_service_account.build"]["account_id"].replace("${var.name}", "rookery")
    bucket = RESOURCES["google_storage_bucket.build"]["name"]
    bucket = bucket.replace("${var.project}", "PROJECT").replace("${var.name}", "rookery")
    assert f"--service-account projects/PROJECT/serviceAccounts/{account}@PROJECT." in README
    assert f"--gcs-source-staging-dir gs://{bucket}/source" in README
    release = (root / "deploy" / "bluegreen" / "__main__.py").read_text()
    assert f'f"{account.replace("rookery", "{name}")}@{{project}}.' in release
    assert 'f"{project}-{name}-build"' in release


def test_the_targets_of_the_first_apply_exist() -> None:
    """All that the first build needs is made by the README's first apply."""
    targets = set(re.findall(r"-target (\S+)", README))
    assert targets <= RESOURCES.keys()
    needed = {
        name
        for name, body in RESOURCES.items()
        if body.get("member") == "${google_service_account.build.member}"
    }
    assert targets == needed


def test_only_production_jobs_of_the_repository_may_release(root: Path) -> None:
    """GitHub's tokens are exchanged for the release account's by jobs of the environment that the workflow names."""
    provider = RESOURCES["google_iam_workload_identity_pool_provider.github"]
    environment = yaml.safe_load((root / ".github" / "workflows" / "release.yml").read_text())["jobs"][
        "release"
    ]
    subject = f"repo:${{var.github_repository}}:environment:{environment['environment']}"
    assert provider["attribute_condition"] == f"assertion.sub == '{subject}'"
    member = RESOURCES["google_service_account_iam_member.github_releases"]
    assert member["service_account_id"] == "${google_service_account.release.name}"
    assert member["role"] == "roles/iam.workloadIdentityUser"
    assert member["member"].endswith("/attribute.repository/${var.github_repository}")
    assert {"sts", "iamcredentials"} <= APIS


def test_the_named_rights_are_enough() -> None:
    """The first apply sets policies on single resources and makes a budget: Owner, and a role on the billing account."""
    assert any(name.endswith("_iam_member.push_invokes") for name in RESOURCES)
    assert "Owner of the project" in README
    assert "Billing Account Costs Manager" in README
    assert "or Editor" not in README


def test_every_variable_of_the_release_workflow_is_explained(root: Path) -> None:
    """The README names each of GitHub's variables that the workflow reads."""
    workflow = (root / ".github" / "workflows" / "release.yml").read_text()
    assert set(re.findall(r"vars\.(\w+)", workflow)) == set(re.findall(r"`(GCP_\w+)`", README))


def test_terraform_never_sends_the_name_of_a_released_revision() -> None:
    """Cloud Run refuses another template under a revision's name; gcloud's own label on the template is left alone."""
    ignored = SERVICE["lifecycle"][0]["ignore_changes"]
    assert not [each for each in ignored if "revision" in each]
    assert "${template[0].labels}" in ignored


def test_instances_are_bounded_at_the_level_of_the_service() -> None:
    """Both bounds take effect at once and count all revisions together, so that a tagged one does not idle."""
    assert SERVICE["scaling"] == [
        {"min_instance_count": "${var.min_instances}", "max_instance_count": "${var.max_instances}"}
    ]
    assert "scaling" not in WORKER


def test_the_provider_is_a_current_one() -> None:
    """Versions 7 and 8 are allowed; 6 has no bound of instances for a service."""
    assert re.search(r'version = ">= 7\.\d+\.\d+, < 9\.0\.0"', TEXT["versions.tf"])


def test_the_idle_bill_stays_below_every_notification_of_the_budget() -> None:
    """Without one reading no notification is sent, and the README states the idle bill."""
    limits = [
        each["resources"][0]["limits"] if isinstance(each["resources"], list) else each["resources"]["limits"]
        for each in WORKER["containers"]
    ]
    cpus = sum(float(str(each["cpu"]).replace("${var.cpu}", VARIABLES["cpu"]["default"])) for each in limits)
    memory = [str(each["memory"]).replace("${var.memory}", VARIABLES["memory"]["default"]) for each in limits]
    gib = sum(float(each[:-2]) / (1024 if each.endswith("Mi") else 1) for each in memory)
    assert all(each["resources"][0]["cpu_idle"] is False for each in WORKER["containers"])
    idle = MONTH_S * (cpus * CPU_SECOND + gib * GIB_SECOND) * VARIABLES["min_instances"]["default"]
    assert f"about {idle:.0f} dollars a month" in README
    first = min(
        float(each) for each in re.findall(r"for_each = \[([\d., ]+)\]", TEXT["budget.tf"])[0].split(",")
    )
    assert idle < first * VARIABLES["monthly_budget"]["default"]


def test_every_topic_stays_in_the_region() -> None:
    """Readings, results and dead letters are stored in the chosen region only."""
    topics = {name: body for name, body in RESOURCES.items() if name.startswith("google_pubsub_topic.")}
    assert len(topics) == 3
    for name, body in topics.items():
        assert body["message_storage_policy"] == [{"allowed_persistence_regions": ["${var.region}"]}], name


def test_objects_are_deleted_when_the_description_says_so() -> None:
    """Soft delete adds the days that `retention_days` names, and no rule pays a write per object to save less."""
    results = RESOURCES["google_storage_bucket.results"]
    days = results["soft_delete_policy"][0]["retention_duration_seconds"] / 86_400
    assert f"for {days:g} days more" in VARIABLES["retention_days"]["description"]
    assert "SetStorageClass" not in ALL


def test_a_view_has_each_reading_once() -> None:
    """The table holds what Pub/Sub delivered; the view drops duplicates by `reading_id`."""
    view = RESOURCES["google_bigquery_table.readings"]["view"][0]
    assert "QUALIFY ROW_NUMBER() OVER (PARTITION BY reading_id ORDER BY predicted_at) = 1" in view["query"]
    assert "google_bigquery_table.predictions[0].table_id" in view["query"]
    # BigQuery's own SQL, but for the quotes of a name, is DuckDB's.
    query = re.sub(r"`.*`", "predictions", view["query"].removeprefix("<<-SQL").rpartition("SQL")[0])
    with duckdb.connect() as database:
        database.execute(
            "CREATE TABLE predictions (reading_id VARCHAR, predicted_at TIMESTAMP, species VARCHAR)"
        )
        rows = [("a", 2, "second"), ("a", 1, "first"), ("b", 1, "alone"), ("a", 1.5, "between")]
        moments = [
            (name, datetime(2026, 11, 26, tzinfo=UTC) + timedelta(hours=hours), answer)
            for name, hours, answer in rows
        ]
        database.executemany("INSERT INTO predictions VALUES (?, ?, ?)", moments)
        found = {name: answer for name, _, answer in database.execute(query).fetchall()}
        assert (len(found), found) == (2, {"a": "first", "b": "alone"})


def test_a_test_project_can_be_destroyed(root: Path) -> None:
    """The documents switch the deletion protection off in an apply before they destroy."""
    text = (root / "docs" / "production-load.md").read_text()
    assert text.index("terraform apply -var deletion_protection=false") < text.index("terraform destroy")
