"""Terraform against the code and Google's own messages: names, ports, probes, roles, metrics and schemas agree."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.run_v2 import Service
from google.pubsub_v1 import Subscription, Topic

from rookery.environment.provision import Route
from rookery.schemas.contract.default import default_contract
from rookery.schemas.contract.derived.avro import avro_schema
from rookery.schemas.contract.derived.bigquery import bigquery_schema
from rookery.schemas.prediction import Prediction
from rookery.schemas.reading import Reading
from rookery.worker.observability.metrics import Metrics
from rookery.worker.settings import Settings
from tests.deploy.terraform_files import ALL, FOLDER, LOCALS, RESOURCES, TEXT, VARIABLES, WORKER, blocks
from tests.shipped import CATEGORIES, SPECIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROUTE = Route(topic="projects/p/topics/readings", push_to="https://worker/")


def unknown(message: Any, body: dict[str, Any], *, own: frozenset[str] = frozenset()) -> list[str]:
    """Names of a block that Google's message does not have; `own` are Terraform's. A dynamic block is what it makes."""
    found = []
    for name, value in body.items():
        if name == "dynamic":
            made = {kind: [each["content"][0]] for block in value for kind, each in block.items()}
            found += unknown(message, made, own=own)
        elif name not in message.fields_by_name:
            found += [f"{message.name}.{name}"] if name not in own else []
        elif isinstance(value, list) and message.fields_by_name[name].message_type:
            inner = message.fields_by_name[name].message_type
            found += [each for one in value if isinstance(one, dict) for each in unknown(inner, one)]
    return found


def test_terraform_would_write_it_just_so() -> None:
    """`terraform fmt` has nothing to change."""
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not on this machine: it checks its own format")
    ran = subprocess.run([terraform, "fmt", "-check", FOLDER], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("google_cloud_run_v2_service", Service),
        ("google_pubsub_subscription", Subscription),
        ("google_pubsub_topic", Topic),
    ],
)
def test_google_knows_every_field(resource: str, message: Any) -> None:
    """A misspelt field of a service, subscription or topic is found without asking Google."""
    own = frozenset({"count", "deletion_protection", "depends_on", "lifecycle", "location"})
    checked = {name: body for name, body in RESOURCES.items() if name.startswith(f"{resource}.")}
    assert checked
    found = {name: unknown(message.pb(message()).DESCRIPTOR, body, own=own) for name, body in checked.items()}
    assert {name: each for name, each in found.items() if each} == {}


def test_a_misspelt_field_is_found() -> None:
    """The check above can fail, deep in a block and in a dynamic one."""
    wrong = {
        "template": [{"containers": [{"startup_prob": [], "dynamic": [{"env": {"content": [{"nam": 1}]}}]}]}]
    }
    assert unknown(Service.pb(Service()).DESCRIPTOR, wrong) == ["Container.startup_prob", "EnvVar.nam"]


def test_whatever_is_referred_to_is_there() -> None:
    """Every resource, data source, local and variable that is named exists, and no variable is idle."""
    data = {f"data.{kind}.{name}" for kind, named in blocks("data") for name in named}
    named = set(re.findall(r"(?<!resource \")\b((?:data\.)?google_[a-z0-9_]+\.[a-z][a-z0-9_]*)\b", ALL))
    assert {each for each in named if not each.startswith("data.")} <= RESOURCES.keys()
    assert {each for each in named if each.startswith("data.")} <= data
    assert set(re.findall(r"\blocal\.(\w+)", ALL)) <= LOCALS.keys()
    assert set(re.findall(r"\bvar\.(\w+)", ALL)) == VARIABLES.keys()


def row(name: str, body: dict[str, Any]) -> str:
    default = f"`{json.dumps(body['default'])}`" if "default" in body else "(needed)"
    return f"| `{name}` | {default} | {body['description']} |"


def test_every_value_is_documented() -> None:
    """The README's table is what variables.tf says."""
    rows = [row(name, body) for name, body in VARIABLES.items()]
    table = (FOLDER / "README.md").read_text().partition("|---|---|---|\n")[2].strip().splitlines()
    assert table == rows
    example = (FOLDER / "terraform.tfvars.example").read_text()
    assert set(re.findall(r"^(\w+)\s*=", example, flags=re.MULTILINE)) <= VARIABLES.keys()


def test_the_worker_gets_only_variables_that_it_reads(
    worker_variables: set[str], named_settings: Callable[[str], set[str]]
) -> None:
    """Every variable in the service's environment is one of the worker's settings, with a value that it takes."""
    environment = LOCALS["environment"]
    assert named_settings(environment) <= worker_variables
    (auth,) = re.findall(r'ROOKERY_PUSH_AUTH\s*= "([^"]+)"', TEXT["worker.tf"])
    assert Settings(push_auth=auth, ack_deadline_seconds=VARIABLES["ack_deadline_seconds"]["default"])


def test_probes_and_ports_are_the_workers(routes: set[tuple[str, str]]) -> None:
    """Start-up asks for readiness, liveness for life, on the port that the worker listens on by default."""
    container = WORKER["containers"][0]
    port = Settings.model_fields["port"].default
    asked = {kind: container[kind][0]["http_get"][0] for kind in ("startup_probe", "liveness_probe")}
    assert container["ports"] == [{"container_port": port}]
    assert asked["startup_probe"] == {"path": "/readyz", "port": port}
    assert asked["liveness_probe"] == {"path": "/livez", "port": port}
    assert {("GET", each["path"]) for each in asked.values()} <= routes
    assert ("GET", "/metrics") in routes, "the collector beside the worker reads it"


def test_production_is_set_up_like_every_other_place() -> None:
    """Deadline, backoff, attempts and names are those of `rookery setup`."""
    subscription = RESOURCES["google_pubsub_subscription.worker"]
    short = ROUTE.topic.rpartition("/")[2]
    assert VARIABLES["topic"]["default"] == short
    assert VARIABLES["ack_deadline_seconds"]["default"] == ROUTE.ack_deadline_s
    assert Settings.model_fields["ack_deadline_seconds"].default == ROUTE.ack_deadline_s
    assert VARIABLES["max_delivery_attempts"]["default"] == ROUTE.max_attempts
    assert subscription["retry_policy"] == [
        {"minimum_backoff": f"{ROUTE.min_backoff_s:g}s", "maximum_backoff": f"{ROUTE.max_backoff_s:g}s"}
    ]
    assert subscription["expiration_policy"] == [{"ttl": ""}]
    for resource, name in (
        ("google_pubsub_subscription.worker", ROUTE.subscription),
        ("google_pubsub_topic.dead_letters", ROUTE.dead_letters),
        ("google_pubsub_subscription.dead_letters_kept", ROUTE.dead_letters_kept),
    ):
        assert RESOURCES[resource]["name"].replace("${var.topic}", short) == name.rpartition("/")[2]


def test_a_request_ends_before_its_deadline() -> None:
    """Cloud Run gives a push up before Pub/Sub does, and after the worker has had time for its slowest write."""
    (less,) = re.findall(r"timeout = \"\$\{var\.ack_deadline_seconds - (\d+)\}s\"", TEXT["worker.tf"])
    deadline = VARIABLES["ack_deadline_seconds"]["default"] - int(less)
    assert Settings.model_fields["write_timeout_seconds"].default < deadline < ROUTE.ack_deadline_s


GRANTED = {
    "google_service_account.worker": {
        "google_storage_bucket_iam_member": {"object_writer", "roles/storage.objectViewer"},
        "google_pubsub_topic_iam_member": {"roles/pubsub.publisher"},
        "google_pubsub_subscription_iam_member": {"roles/pubsub.subscriber"},
        "google_project_iam_member": {"roles/logging.logWriter", "roles/monitoring.metricWriter"},
    },
    "google_service_account.push": {"google_cloud_run_v2_service_iam_member": {"roles/run.invoker"}},
    "google_service_account.build": {
        "google_storage_bucket_iam_member": {"roles/storage.objectViewer"},
        "google_artifact_registry_repository_iam_member": {"roles/artifactregistry.writer"},
        "google_project_iam_member": {"roles/logging.logWriter"},
    },
    "google_service_account.release": {
        "google_storage_bucket_iam_member": {"roles/storage.objectUser", "roles/storage.legacyBucketReader"},
        "google_artifact_registry_repository_iam_member": {"roles/artifactregistry.reader"},
        "google_project_iam_member": {
            *("roles/cloudbuild.builds.editor", "roles/monitoring.viewer", "roles/run.developer"),
            "roles/serviceusage.serviceUsageConsumer",
            "roles/containeranalysis.occurrences.viewer",
        },
        "google_service_account_iam_member": {
            *("roles/iam.serviceAccountOpenIdTokenCreator", "roles/iam.serviceAccountUser"),
        },
    },
}


@pytest.mark.parametrize("account", GRANTED)
def test_each_account_has_what_it_needs_and_no_more(account: str) -> None:
    """The roles of the accounts are these; anything more has to be argued here."""
    granted: dict[str, set[str]] = {}
    for name, body in RESOURCES.items():
        if body.get("member") == f"${{{account}.member}}":
            role = re.sub(r"\$\{.*\.(\w+)\.id\}", r"\1", body["role"])
            each = set(re.findall(r"roles/[\w.]+", str(body.get("for_each"))))
            granted.setdefault(name.split(".")[0], set()).update(each or {role})
    assert granted == GRANTED[account]


def test_no_other_caller_gets_in() -> None:
    """Nothing is granted to everybody, no basic role is used, and buckets are closed to the public."""
    assert "allUsers" not in ALL
    assert "allAuthenticatedUsers" not in ALL
    assert re.search(r"roles/(owner|editor|viewer)\b", ALL) is None
    buckets = [body for name, body in RESOURCES.items() if name.startswith("google_storage_bucket.")]
    assert len(buckets) == 3
    assert all(each["uniform_bucket_level_access"] is True for each in buckets)
    assert all(each["public_access_prevention"] == "enforced" for each in buckets)


def test_alerts_and_charts_ask_metrics_that_exist(root: Path) -> None:
    """Every `rookery_...` metric in a query is one that the worker renders, with the labels that it has."""
    rendered = Metrics().render().decode()
    exposed = set(re.findall(r"^(rookery_\w+)[ {]", rendered, flags=re.MULTILINE))
    families = set(re.findall(r"^# TYPE (rookery_\w+)", rendered, flags=re.MULTILINE))
    # Drift is computed at a scrape and only with a model; its names stand in the code.
    families |= set(
        re.findall(
            r'"(rookery_drift_\w+)"', (root / "worker" / "observability" / "drift_gauges.py").read_text()
        )
    )
    asked = set(re.findall(r"\brookery_[a-z_]+", TEXT["alerts.tf"] + TEXT["dashboard.tf"]))
    assert len(asked) > 5
    assert asked <= exposed | families
    for outcome in re.findall(r'outcome=\\"(\w+)\\"', ALL):
        assert f'rookery_readings_total{{outcome="{outcome}"}}' in rendered


def test_the_nine_alerts_are_there() -> None:
    """Each failure that must reach the on-call engineer has its alert."""
    assert LOCALS["alerts"].keys() == {
        *(
            "backlog_age",
            "dead_letters",
            "reject_share",
            "push_latency",
            "ack_share",
            "no_listener",
            "no_metrics",
            "model_degraded",
            "drift",
        ),
    }


def test_alerts_without_a_receiver_are_a_warning() -> None:
    """An apply without e-mail addresses warns that alerts notify no one."""
    (check,) = (body for name, body in blocks("check") if name == "alerts_are_received")
    assert check["assert"][0]["condition"] == "${length(var.alert_emails) > 0}"


def test_the_schema_is_the_reading() -> None:
    """Avro's fields are those of a reading, with the same categories, and the topic is free of it by default."""
    schema = json.loads((FOLDER / "reading.avsc").read_text())
    fields = {each["name"]: each["type"] for each in schema["fields"]}
    assert fields.keys() == Reading.model_fields.keys()
    assert fields["sex"]["symbols"] == list(CATEGORIES["sex"])
    assert fields["island"]["symbols"] == list(CATEGORIES["island"])
    assert VARIABLES["enforce_schema"]["default"] is False


def test_the_schemas_are_derived_from_the_contract() -> None:
    """Both files are written by `rookery contract bigquery` and `rookery contract avro` from the shipped contract."""
    contract = default_contract()
    assert json.loads((FOLDER / "predictions.json").read_text()) == bigquery_schema(contract)
    assert json.loads((FOLDER / "reading.avsc").read_text()) == avro_schema(contract)


def test_the_table_is_clustered_by_the_answer() -> None:
    """The answer is found before its probability, so that another contract's table is clustered by its own target."""
    names = [each["name"] for each in json.loads((FOLDER / "predictions.json").read_text())]
    assert names[names.index("probability") - 1] == default_contract().target
    assert 'index(local.prediction_columns[*].name, "probability") - 1].name' in LOCALS["answer"]
    assert RESOURCES["google_bigquery_table.predictions"]["clustering"] == ["${local.answer}", "device_id"]


def test_the_table_is_the_prediction() -> None:
    """BigQuery's columns are the fields of a prediction line, one share a label; what a line may leave null, so may a row."""
    columns = {each["name"]: each for each in json.loads((FOLDER / "predictions.json").read_text())}
    answer = default_contract().target
    assert columns.keys() == {*Prediction.model_fields, answer}
    assert [each["name"] for each in columns["probabilities"]["fields"]] == list(SPECIES)
    needed = {answer, *(name for name, each in Prediction.model_fields.items() if each.is_required())}
    needed -= {"out_of_distribution"}
    assert {name for name, each in columns.items() if each.get("mode") == "REQUIRED"} == needed


def test_the_release_knows_the_names(root: Path) -> None:
    """Service, repository and region are what the release takes them for."""
    release = (root / "deploy" / "bluegreen" / "__main__.py").read_text()
    name, region = VARIABLES["name"]["default"], VARIABLES["region"]["default"]
    assert f'"--service", default="{name}-worker"' in release
    assert f'"--repository", default="{name}"' in release
    assert f'"--region", default="{region}"' in release
