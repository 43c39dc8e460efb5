"""`rookery doctor`: each unsafe setting is an error of its own, with its fix; a sound configuration has none."""

from __future__ import annotations

import threading
from datetime import timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from google.pubsub_v1 import Subscription

from rookery.doctor import clock, identity, model
from rookery.doctor.case import Case
from rookery.doctor.examination import examine, render, run
from rookery.doctor.finding import Level, error
from rookery.environment.provision import Provisioner, Route, clients
from rookery.worker.settings import Settings
from storage_emulator.server import StorageServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ACCOUNT = "pusher@p.iam.gserviceaccount.com"
OIDC = {"push_auth": "oidc", "push_service_account": ACCOUNT, "push_audience": "http://127.0.0.1:9/"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "K_SERVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def route(request: pytest.FixtureRequest) -> Route:
    name = request.node.name.split("[")[0]
    return Route(topic=f"projects/p/topics/{name}-{id(request)}", push_to="http://127.0.0.1:9/")


@pytest.fixture
def case(broker: str, route: Route, tmp_path: Path) -> Callable[..., Case]:
    def _case(**chosen: Any) -> Case:
        places = {"results": f"file://{tmp_path}/results", "rejects": f"file://{tmp_path}/rejects"}
        settings = Settings(**{**places, **chosen})
        return Case(settings=settings, topic=route.topic, subscription=route.subscription, broker=broker)

    return _case


def provide(broker: str, route: Route) -> None:
    with Provisioner(broker) as provisioner:
        provisioner.provide(route)


def subscribe(broker: str, route: Route, **fields: Any) -> None:
    """Make the push subscription otherwise than `rookery setup` does."""
    topics, subscriptions = clients(broker)
    topics.create_topic(name=route.topic)
    wanted = {"name": route.subscription, "topic": route.topic, "ack_deadline_seconds": 60}
    push = {"push_config": {"push_endpoint": route.push_to}, "expiration_policy": {}}
    subscriptions.create_subscription(request=Subscription({**wanted, **push, **fields}))
    for each in (topics, subscriptions):
        each.transport.close()  # type: ignore[no-untyped-call]  # generated code


def found(case: Case, level: Level = Level.ERROR) -> list[str]:
    return [each.sentence for each in examine(case) if each.level is level]


def only_error(case: Case) -> str:
    errors = [each for each in examine(case) if each.level is Level.ERROR]
    assert len(errors) == 1, errors
    assert errors[0].fix
    return errors[0].sentence


def test_what_setup_makes_is_sound(broker: str, route: Route, case: Callable[..., Case]) -> None:
    """No error and no warning after `rookery setup`, and everything is named."""
    provide(broker, route)
    findings = list(examine(case()))
    assert {each.level for each in findings} <= {Level.OK, Level.UNKNOWN}, findings
    sentences = "\n".join(each.sentence for each in findings)
    for part in (
        "pushes are not authenticated",
        "the model",
        "can be written",
        "pushes to",
        "ack deadline",
        "kept at",
    ):
        assert part in sentences


def test_an_open_door_is_an_error(broker: str, route: Route, case: Callable[..., Case]) -> None:
    """No auth on an address that others reach."""
    provide(broker, route)
    assert "would let anybody" in only_error(case(host="0.0.0.0"))  # noqa: S104  that is the point


def test_an_audience_unset_is_an_error(broker: str, route: Route, case: Callable[..., Case]) -> None:
    """The doctor finds the missing audience before a push gets 401."""
    provide(broker, Route(topic=route.topic, push_to=route.push_to, service_account=ACCOUNT))
    settings = {**OIDC, "push_jwks_url": f"http://{broker}/oauth2/v3/certs"}
    assert found(case(**settings)) == []
    sentence, disagreement = found(case(**{**settings, "push_audience": ""}))
    assert "ROOKERY_PUSH_AUDIENCE" in sentence
    assert "the worker needs" in disagreement


def test_a_subscription_without_token_is_an_error(
    broker: str, route: Route, case: Callable[..., Case]
) -> None:
    """The worker would refuse each of its pushes."""
    provide(broker, route)
    settings = {**OIDC, "push_jwks_url": f"http://{broker}/oauth2/v3/certs"}
    assert "sends no token" in only_error(case(**settings))
    assert "sends no token" in only_error(case(push_auth="cloud-run-iam"))


def test_another_audience_or_account_is_an_error(
    broker: str, route: Route, case: Callable[..., Case]
) -> None:
    """The finding names both values."""
    provide(broker, Route(topic=route.topic, push_to=route.push_to, service_account="other@p.example"))
    settings = {**OIDC, "push_jwks_url": f"http://{broker}/oauth2/v3/certs"}
    audience, account = found(case(**{**settings, "push_audience": "https://worker.example"}))
    assert f"tokens have {route.push_to}, the worker needs https://worker.example" in audience
    assert f"tokens have other@p.example, the worker needs {ACCOUNT}" in account


def test_keys_out_of_reach_are_an_error(broker: str, route: Route, case: Callable[..., Case]) -> None:
    """Until they can be fetched, pushes get 503."""
    provide(broker, Route(topic=route.topic, push_to=route.push_to, service_account=ACCOUNT))
    assert "cannot be fetched" in only_error(case(**OIDC, push_jwks_url=f"http://{broker}/nothing"))


def test_pushing_in_the_clear_is_an_error_in_production(case: Callable[..., Case]) -> None:
    """Over the open network only https will do."""
    clear = Case(settings=case().settings, topic="t", subscription="s", broker=None)
    pushes = Subscription(push_config={"push_endpoint": "http://worker.example/"}).push_config
    assert [each.level for each in identity.pushes(clear, pushes)] == [Level.ERROR]
    secret = Subscription(push_config={"push_endpoint": "https://worker.example/"}).push_config
    assert list(identity.pushes(clear, secret)) == []


def test_cloud_run_iam_elsewhere_is_a_warning(broker: str, route: Route, case: Callable[..., Case]) -> None:
    """Outside of Cloud Run the setting leaves pushes unauthenticated."""
    provide(broker, Route(topic=route.topic, push_to=route.push_to, service_account=ACCOUNT))
    (sentence,) = found(case(push_auth="cloud-run-iam"), Level.WARNING)
    assert "this is not Cloud Run" in sentence


def test_an_ack_deadline_below_the_batch_budget_is_an_error(
    broker: str, route: Route, case: Callable[..., Case]
) -> None:
    """Durable readings would be redelivered, and slow the whole subscription."""
    provide(broker, Route(topic=route.topic, push_to=route.push_to, ack_deadline_s=10))
    assert "a batch may take 21.25 s" in only_error(case(write_timeout_seconds=20.0))
    assert "the worker expects 60 s" in only_error(case())
    assert found(case(ack_deadline_seconds=10)) == []


def test_no_dead_letter_topic_is_an_error(broker: str, route: Route, case: Callable[..., Case]) -> None:
    """An undeliverable message would be redelivered for a week."""
    subscribe(broker, route)
    assert "has no dead-letter topic" in only_error(case())


def test_a_dead_letter_topic_without_a_subscription_is_an_error(
    broker: str, route: Route, case: Callable[..., Case]
) -> None:
    """A topic without a subscription drops messages; few attempts are a warning."""
    topics, subscriptions = clients(broker)
    topics.create_topic(name=route.dead_letters)
    for each in (topics, subscriptions):
        each.transport.close()  # type: ignore[no-untyped-call]  # generated code
    policy = {"dead_letter_topic": route.dead_letters, "max_delivery_attempts": 5}
    subscribe(broker, route, dead_letter_policy=policy)
    assert "has no subscription" in only_error(case())
    assert any("given up after 5 attempts" in each for each in found(case(), Level.WARNING))


def test_a_dead_letter_topic_that_is_gone_is_an_error(
    broker: str, route: Route, case: Callable[..., Case]
) -> None:
    """Pub/Sub keeps the policy and has nowhere to send to."""
    provide(broker, route)
    topics, subscriptions = clients(broker)
    topics.delete_topic(topic=route.dead_letters)
    for each in (topics, subscriptions):
        each.transport.close()  # type: ignore[no-untyped-call]  # generated code
    assert "does not exist: dead letters are lost" in only_error(case())


def test_exactly_once_on_push_is_an_error(case: Callable[..., Case], route: Route) -> None:
    """Google refuses it, Google's emulator does not: it is never what it says."""
    from rookery.doctor import subscription  # noqa: PLC0415  a fixture of that name is clearer elsewhere

    asked = Subscription(
        name=route.subscription,
        topic=route.topic,
        push_config={"push_endpoint": route.push_to},
        enable_exactly_once_delivery=True,
        expiration_policy={"ttl": timedelta(days=31)},
    )
    findings = {each.level: each.sentence for each in subscription.route(case(), asked)}
    assert "exactly-once" in findings[Level.ERROR]
    assert "31 idle days" in findings[Level.WARNING]


def test_a_subscription_that_does_not_push_is_an_error(
    broker: str, route: Route, case: Callable[..., Case]
) -> None:
    """Without a push endpoint messages would wait for a pull."""
    policy = {"dead_letter_topic": route.dead_letters, "max_delivery_attempts": 100}
    provide(broker, Route(topic=f"{route.topic}-other", push_to=route.push_to))
    policy["dead_letter_topic"] = f"{route.topic}-other-dead-letter"
    subscribe(broker, route, push_config={}, dead_letter_policy=policy)
    assert "does not push" in only_error(case())


def test_nothing_there_is_named(case: Callable[..., Case]) -> None:
    """Neither topic nor subscription: each is said, with the command that makes it."""
    topic, subscription = found(case())
    assert "the topic" in topic
    assert "the push subscription" in subscription


def test_an_unreachable_broker_is_one_error(case: Callable[..., Case]) -> None:
    """Pub/Sub out of reach is one finding, after the checks that need no Pub/Sub."""
    there = case()
    away = Case(
        settings=there.settings, topic=there.topic, subscription=there.subscription, broker="127.0.0.1:9"
    )
    assert "Pub/Sub cannot be examined: 127.0.0.1:9" in only_error(away)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ("file:///dev/null/results", "cannot be written"),
        ("s3://bucket", "no such kind of address"),
        ("file://[bucket", "no such kind of address"),
        ("pubsub://p/nothing-there", "the topic projects/p/topics/nothing-there does not exist"),
    ],
)
def test_a_sink_that_cannot_be_used_is_an_error(
    broker: str, route: Route, case: Callable[..., Case], results: str, said: str
) -> None:
    """Folders, topics, and what is neither."""
    provide(broker, route)
    assert said in only_error(case(results=results))


def test_buckets_are_checked(
    broker: str, route: Route, case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is there is found, one that is not is an error; both settings, each address."""
    provide(broker, route)
    with StorageServer("there") as storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
        assert found(case(results="gs://there/results,gs://there", rejects="gs://there/rejects")) == []
        sentence = only_error(case(results="gs://there/results", rejects="gs://gone/rejects"))
        assert "ROOKERY_REJECTS: the bucket gone cannot be reached" in sentence


@pytest.mark.parametrize(("content", "said"), [(b"hello", "is refused"), (None, "cannot be read")])
def test_a_model_that_no_worker_loads_is_an_error(
    case: Callable[..., Case], tmp_path: Path, content: bytes | None, said: str
) -> None:
    """Damaged or missing: the reason is said."""
    path = tmp_path / "model.ubj"
    if content is not None:
        path.write_bytes(content)
    (finding,) = model.model(case(model=str(path)))
    assert (finding.level, said in finding.sentence) == (Level.ERROR, True)


@pytest.fixture
def served_time() -> Iterator[tuple[str, list[str | None]]]:
    """A server whose Date header a test sets."""
    date: list[str | None] = [None]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(404)
            if date[0] is not None:
                self.send_header("Date", date[0])
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield f"127.0.0.1:{server.server_port}", date
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    ("behind", "level"), [(0, Level.OK), (5, Level.WARNING), (-3600, Level.ERROR), (None, Level.UNKNOWN)]
)
def test_a_clock_that_goes_wrong_is_noticed(
    served_time: tuple[str, list[str | None]], case: Callable[..., Case], behind: int | None, level: Level
) -> None:
    """Tokens tolerate a few seconds; a server without a Date header proves nothing."""
    address, date = served_time
    now = 1_800_000_000.5
    date[0] = None if behind is None else formatdate(now - behind, usegmt=True)
    there = case()
    asked = Case(settings=there.settings, topic="t", subscription="s", broker=address)
    assert [each.level for each in clock.clock(asked, lambda: now)] == [level]


def test_the_command_prints_each_finding_and_its_fix(
    broker: str,
    route: Route,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code is 0 without errors, and 1 with an error, whose fix is printed."""
    monkeypatch.chdir(tmp_path)
    provide(broker, route)
    assert run(route.topic, broker=broker) == 0
    assert "0 errors" in capsys.readouterr().out
    monkeypatch.setenv("ROOKERY_MODEL", str(tmp_path / "gone.ubj"))
    assert run(route.topic, broker=broker) == 1
    printed = capsys.readouterr().out
    assert "error   model" in printed
    assert "        fix: A running worker keeps its last known good model" in printed
    monkeypatch.setenv("ROOKERY_BATCH_ROWS", "0")
    assert run(route.topic, broker=broker) == 1
    assert "ROOKERY_BATCH_ROWS: Input should be greater than or equal to 1" in capsys.readouterr().out


def test_no_finding_controls_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Names of resources and answers of servers are escaped, and never parsed as style."""
    assert render([error("the \x1b[2Jtopic [red]\u202e", "fix\x07\rit")]) == 1
    printed = capsys.readouterr().out
    assert all(line.isprintable() for line in printed.split("\n"))
    assert r"the \x1b[2Jtopic [red]\u202e" in printed
