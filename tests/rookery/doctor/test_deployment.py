"""`rookery doctor --service`: a deployment by Google's APIs on loopback, over a real broker and a real worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.pubsub_v1 import SubscriberClient, Subscription
from typer.testing import CliRunner

from rookery.cli import app
from rookery.doctor.deployment.deployed_worker import IMAGE_ENVIRONMENT
from rookery.doctor.deployment.probe import DEVICE
from rookery.environment import process as child
from rookery.environment.provision import Provisioner, Route, clients
from tests.deploy.recording_server import RecordingServer, serving
from tests.rookery.doctor.google_project import ACCOUNT, APIS, PUSHER, GoogleProject, binding, credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITER = "projects/my-project/roles/rookery_object_writer"
SOUND = {
    "ROOKERY_RESULTS": "gs://my-bucket/predictions",
    "ROOKERY_REJECTS": "gs://my-bucket/rejections",
    "ROOKERY_PUSH_AUTH": "cloud-run-iam",
    "ROOKERY_ACK_DEADLINE_SECONDS": "60",
}
FLOWING = {"num_undelivered_messages": 3, "oldest_unacked_message_age": 2, "ack_message_count": 900}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A real worker, its address and the folder of its results."""
    folder = tmp_path_factory.mktemp("worker")
    with child.worker(folder, results=folder / "results", rejects=folder / "rejects") as started:
        yield started.address(), folder


@pytest.fixture
def google(
    worker: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GoogleProject]:
    """A sound deployment, by Google's APIs; a test breaks a part of it."""
    project = GoogleProject(
        address=worker[0],
        environment=dict(SOUND),
        bucket_roles=[binding(WRITER, f"serviceAccount:{ACCOUNT}")],
        metrics=dict(FLOWING),
    )
    with serving(RecordingServer(project.answers)) as recorder:
        for api in APIS:
            monkeypatch.setenv(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}", f"{recorder.url}/{api.lower()}/")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(credentials(tmp_path, recorder.url)))
        yield project


@pytest.fixture
def route(worker: tuple[str, Path], request: pytest.FixtureRequest) -> Route:
    topic = f"projects/my-project/topics/readings-{id(request)}"
    return Route(topic=topic, push_to=f"{worker[0]}/", service_account=PUSHER)


@dataclass
class ExaminedDeployment:
    """A sound deployment over a real broker and worker; a test breaks a part of it, and examines it."""

    google: GoogleProject
    broker: str
    route: Route
    subscriptions: SubscriberClient

    def examine(self, *options: str) -> tuple[int, str]:
        """Run the command; returns its exit code and its output."""
        pool = f"--{'worker-pool' if self.google.pool else 'service'}=rookery-worker"
        words = ["doctor", pool, "--project=my-project", f"--topic={self.route.topic}"]
        shown = CliRunner().invoke(app, [*words, f"--broker={self.broker}", *options])
        return shown.exit_code, shown.output

    def errors(self, *options: str) -> list[str]:
        """Examine it, and return the errors; the exit code is that of errors."""
        code, output = self.examine(*options)
        found = errors(output)
        assert code == bool(found), output
        return found

    def make_pull_subscription(self) -> str:
        """Make a pull subscription beside the push one, with the same dead letters; returns its name."""
        policy = {"dead_letter_topic": self.route.dead_letters, "max_delivery_attempts": 100}
        wanted = Subscription(
            name=f"{self.route.subscription}-pull",
            topic=self.route.topic,
            ack_deadline_seconds=60,
            expiration_policy={},
            dead_letter_policy=policy,
        )
        return self.subscriptions.create_subscription(request=wanted).name

    def push(self, **config: Any) -> None:
        """Change the push configuration of its subscription."""
        self.subscriptions.modify_push_config(subscription=self.route.subscription, push_config=config)


@pytest.fixture
def deployment(google: GoogleProject, broker: str, route: Route) -> Iterator[ExaminedDeployment]:
    """The deployment with the topic and subscription that `rookery setup` makes."""
    topics, subscriptions = clients(broker)
    with Provisioner(broker) as provisioner:
        provisioner.provide(route)
        yield ExaminedDeployment(google, broker, route, subscriptions)
        provisioner.remove(route)
    for each in (topics, subscriptions):
        each.transport.close()  # type: ignore[no-untyped-call]  # generated code


def errors(output: str) -> list[str]:
    return [line.removeprefix("error").strip() for line in output.splitlines() if line.startswith("error ")]


def test_a_sound_deployment_has_no_error_and_its_probe_is_acknowledged(
    deployment: ExaminedDeployment, worker: tuple[str, Path]
) -> None:
    """The probe is acknowledged once its rejection is durable, and no prediction is made of it."""
    code, output = deployment.examine()
    assert (code, errors(output)) == (0, []), output
    for part in ("serves rookery-worker-00002-abc 100 %", "1 to 20 instances", "is acknowledged (HTTP 204)"):
        assert part in output
    assert f"push to rookery-worker: {PUSHER} may" in output
    assert "3 messages wait, the oldest for 2 s" in output
    folder = worker[1]
    assert DEVICE in "".join(file.read_text() for file in (folder / "rejects").rglob("*.ndjson*"))
    assert not [file for file in (folder / "results").rglob("*.ndjson*") if DEVICE in file.read_text()]


def test_no_probe_sends_nothing(deployment: ExaminedDeployment) -> None:
    """With --no-probe the endpoint is left alone, and the output says so."""
    code, output = deployment.examine("--no-probe")
    assert (code, "acknowledged (HTTP" in output) == (0, False)
    assert "the push endpoint is not probed" in output


@pytest.mark.parametrize(
    ("push", "cause", "status"),
    [
        ({"no_wrapper": {}}, "without their metadata", "HTTP 400"),
        ({"path": "push"}, "the path /push", "HTTP 404"),
    ],
    ids=["unwrapped without metadata", "wrong path"],
)
def test_a_subscription_whose_every_message_is_refused_is_an_error(
    deployment: ExaminedDeployment,
    push: dict[str, Any],
    cause: str,
    status: str,
) -> None:
    """The form is an error by itself, and the worker's own refusal of the probe is shown beside it."""
    wanted = {"push_endpoint": f"{deployment.google.address}/{push.pop('path', '')}", **push}
    deployment.push(**wanted)
    code, output = deployment.examine()
    found = errors(output)
    assert code == 1
    assert any(cause in each for each in found), output
    assert any("is not acknowledged" in each and status in each for each in found), output


def test_an_unwrapped_push_with_metadata_is_acknowledged(deployment: ExaminedDeployment) -> None:
    """The probe has the subscription's own form: a payload with Pub/Sub's headers."""
    token = {"service_account_email": PUSHER}
    wanted = {
        "push_endpoint": deployment.google.address,
        "no_wrapper": {"write_metadata": True},
        "oidc_token": token,
    }
    deployment.push(**wanted)
    code, output = deployment.examine()
    assert (code, errors(output)) == (0, []), output
    assert "is acknowledged (HTTP 204)" in output


def test_an_endpoint_at_which_nothing_listens_is_an_error(deployment: ExaminedDeployment) -> None:
    """No server answers the pushes; an address of another service is named."""
    wanted = {"push_endpoint": "http://127.0.0.1:9/", "oidc_token": {"service_account_email": PUSHER}}
    deployment.push(**wanted)
    code, output = deployment.examine()
    assert code == 1
    assert "nothing answers at http://127.0.0.1:9/" in output
    elsewhere = {**wanted, "push_endpoint": "https://other-abc-ew.a.run.app/"}
    deployment.push(**elsewhere)
    assert any("another service" in each for each in deployment.errors("--no-probe"))


def test_no_subscription_is_an_error(deployment: ExaminedDeployment) -> None:
    """Readings that are published reach no worker."""
    deployment.subscriptions.delete_subscription(subscription=deployment.route.subscription)
    (found,) = deployment.errors()
    assert "no worker gets the readings" in found


@pytest.mark.parametrize(
    ("metrics", "level", "said"),
    [
        ({"oldest_unacked_message_age": 900, "ack_message_count": 0}, "error", "nothing takes them"),
        ({"oldest_unacked_message_age": 900}, "warning", "900 were acknowledged"),
        ({"num_undelivered_messages": None}, "unknown", "has no figures"),
    ],
    ids=["not taken", "late", "no figures"],
)
def test_a_backlog_that_nothing_takes_is_an_error(
    deployment: ExaminedDeployment,
    metrics: dict[str, float | None],
    level: str,
    said: str,
) -> None:
    """An old backlog without acknowledgements is an error; one that is worked off is a warning."""
    figures = {**FLOWING, **metrics}
    deployment.google.metrics = {name: value for name, value in figures.items() if value is not None}
    code, output = deployment.examine()
    assert code == (level == "error")
    assert any(line.startswith(level) and said in line for line in output.splitlines()), output


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ROOKERY_BATCH_ROW": "9"}, "is ROOKERY_BATCH_ROWS meant?"),
        ({"ROOKERY_BATCH_ROWS": "0"}, "ROOKERY_BATCH_ROWS: Input should be greater"),
        ({"ROOKERY_PUSH_AUTH": "none"}, "ROOKERY_PUSH_AUTH"),
        ({"ROOKERY_RESULTS": "file:///tmp/results"}, "a folder of the instance"),
        ({"ROOKERY_ACK_DEADLINE_SECONDS": "600"}, "the worker expects 600 s"),
    ],
    ids=["misspelled", "impossible", "open", "lost with the instance", "deadline"],
)
def test_the_services_own_environment_is_examined(
    deployment: ExaminedDeployment, environment: dict[str, str], said: str
) -> None:
    """The deployment's settings count, not those of this machine."""
    deployment.google.environment |= environment
    found = deployment.errors()
    assert any(said in each for each in found), found


def test_a_misspelled_setting_is_corrected_by_its_hint(deployment: ExaminedDeployment) -> None:
    """The hint sets the setting that is meant, with the value that was given."""
    deployment.google.environment["ROOKERY_BATCH_ROW"] = "9"
    _, output = deployment.examine()
    assert "--remove-env-vars=ROOKERY_BATCH_ROW --update-env-vars=ROOKERY_BATCH_ROWS=9" in output


def test_variables_that_nothing_reads_are_named(deployment: ExaminedDeployment) -> None:
    """A former name and an unknown one are warnings; they keep nothing from working."""
    deployment.google.environment |= {"ROOKERY_OBJECT_SECONDS": "0.5", "ROOKERY_COLOUR": "blue"}
    code, output = deployment.examine()
    assert code == 0, output
    assert "the former name of ROOKERY_FLUSH_INTERVAL_SECONDS" in output
    assert "ROOKERY_COLOUR is no setting" in output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bucket_roles": []}, f"{ACCOUNT} may not: it lacks storage.objects.create"),
        (
            {"bucket_roles": [binding("roles/storage.objectCreator", f"serviceAccount:{ACCOUNT}")]},
            "it lacks storage.objects.delete, storage.objects.get",
        ),
        ({"invokers": []}, f"{PUSHER} may not: it lacks run.routes.invoke"),
        ({"invokers": ["allUsers"]}, "anybody may invoke rookery-worker"),
    ],
    ids=["no role", "too little", "no invoker", "open to all"],
)
def test_role_bindings_that_are_wrong_are_errors(
    deployment: ExaminedDeployment, changes: dict[str, Any], said: str
) -> None:
    """The worker's account needs its bucket, the push account the service, and no other account may push."""
    for name, value in changes.items():
        setattr(deployment.google, name, value)
    found = deployment.errors()
    assert any(said in each for each in found), found


def test_roles_of_the_project_count_and_groups_are_unknown(deployment: ExaminedDeployment) -> None:
    """A role on the whole project suffices; where a group has one, its members cannot be read."""
    deployment.google.bucket_roles = []
    deployment.google.project_roles = [binding("roles/storage.objectUser", f"serviceAccount:{ACCOUNT}")]
    assert deployment.examine()[0] == 0
    deployment.google.project_roles = [binding("roles/storage.objectUser", "group:crew@example.org")]
    code, output = deployment.examine()
    assert code == 0, output
    assert "perhaps by a group" in output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trafficStatuses": []}, "no revision of the service rookery-worker serves"),
        ({"latestCreatedRevision": "rookery-worker-00003-bad"}, "00003-bad never became ready"),
        (
            {"terminalCondition": {"state": "CONDITION_FAILED", "message": "Image not found"}},
            "is not ready: Image not found",
        ),
        ({"scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 0}}, "scaled to 0 instances by hand"),
    ],
    ids=["no traffic", "not ready", "failed", "scaled to nothing"],
)
def test_a_service_that_serves_nothing_is_an_error(
    deployment: ExaminedDeployment,
    changes: dict[str, Any],
    said: str,
) -> None:
    """Revisions, traffic and scaling are read from Cloud Run."""
    deployment.google.changes |= changes
    found = deployment.errors()
    assert any(said in each for each in found), found


def test_scaling_to_zero_and_request_billing_are_warnings(deployment: ExaminedDeployment) -> None:
    """Both work, with latency and with metrics that stand still."""
    deployment.google.scaling = {}
    container = {"name": "worker", "image": "i", "resources": {"cpuIdle": True}}
    container["env"] = [
        {"name": name, "value": value} for name, value in deployment.google.environment.items()
    ]
    deployment.google.changes = {"template": {"serviceAccount": ACCOUNT, "containers": [container]}}
    code, output = deployment.examine()
    assert code == 0, output
    assert "may scale to 0 instances" in output
    assert "CPU only while it answers" in output


def test_a_worker_pool_is_examined(deployment: ExaminedDeployment) -> None:
    """A pool needs its subscription, the right to pull, an instance, and an open stream."""
    deployment.google.pool, deployment.google.scaling = True, {"manualInstanceCount": 1}
    deployment.google.environment["ROOKERY_PULL"] = name = deployment.make_pull_subscription()
    deployment.google.subscription_roles = [binding("roles/pubsub.subscriber", f"serviceAccount:{ACCOUNT}")]
    deployment.google.metrics["open_streaming_pulls"] = 1
    code, output = deployment.examine()
    assert (code, errors(output)) == (0, []), output
    deployment.google.metrics["open_streaming_pulls"] = 0
    deployment.google.subscription_roles = []
    deployment.google.scaling = {"manualInstanceCount": 0}
    found = deployment.errors()
    for said in (
        "the worker pool rookery-worker is scaled to 0",
        f"ROOKERY_PULL: pull from {name}",
        "nothing listens",
    ):
        assert any(said in each for each in found), found
    deployment.google.environment["ROOKERY_PULL"] = deployment.route.subscription
    assert any("cannot pull from it" in each for each in deployment.errors())
    del deployment.google.environment["ROOKERY_PULL"]
    assert any("has no ROOKERY_PULL" in each for each in deployment.errors())


def test_what_may_not_be_read_is_unknown_and_no_error(deployment: ExaminedDeployment) -> None:
    """Without rights to roles, tokens and metrics, the findings say what was not checked."""
    deployment.google.denied = {"iam", "iamcredentials", "monitoring"}
    code, output = deployment.examine()
    assert code == 0, output
    for part in ("role bindings cannot be read", "no probe is sent", "the backlog cannot be read"):
        assert part in output


def test_a_deployment_that_cannot_be_examined_is_exit_code_2(
    deployment: ExaminedDeployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is not there is an error; no right to read it, or no answer, is no examination."""
    assert deployment.examine("--service=another")[0] == 1
    deployment.google.denied = {"run"}
    failed = CliRunner().invoke(app, ["doctor", "--service=rookery-worker", "--project=my-project"])
    assert "permission denied" in str(failed.exception)
    assert getattr(failed.exception, "code", None) == 2
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "http://127.0.0.1:9/")
    failed = CliRunner().invoke(app, ["doctor", "--service=rookery-worker", "--project=my-project"])
    assert "run.googleapis.com cannot be asked" in str(failed.exception)


@pytest.mark.parametrize("words", [["--service=a"], ["--service=a", "--worker-pool=b", "--project=p"]])
def test_a_question_that_contradicts_itself_is_refused(words: list[str]) -> None:
    """One deployment at a time, and in a named project."""
    failed = CliRunner().invoke(app, ["doctor", *words])
    assert getattr(failed.exception, "code", None) == 2


def test_the_images_variables_are_known() -> None:
    """The doctor adds the variables that the image sets to those that Cloud Run shows."""
    text = (Path(__file__).parents[3] / "Dockerfile").read_text().rpartition("AS worker")[2]
    for name, value in IMAGE_ENVIRONMENT.items():
        assert f"{name}={value}" in text
