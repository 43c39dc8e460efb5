"""Stage: the programs of a run, with the faults that they are to suffer, and the route between them."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from rookery.load.chaos.process import RestartableProcess
from rookery.publisher.settings import EMULATOR_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from rookery.load.chaos.plan import ChaosPlan
    from rookery.load.chaos.results_location import ResultsStores

TOPIC: Final = "projects/rookery-local/topics/chaos"
SUBSCRIPTION: Final = "projects/rookery-local/subscriptions/chaos"
_ACK_DEADLINE_S: Final = 20
_ANSWERS_WITHIN_S: Final = 10.0


def broker(plan: ChaosPlan, *, faults: Mapping[str, str]) -> RestartableProcess:
    """The embedded broker with some of its faults."""
    options = [f"--{name}={share}" for name, share in faults.items()]
    ready = ["--ready-file", str(plan.folder / "broker.ready")]
    command = ["rookery.broker", "--memory", "--port=0", f"--seed={plan.seed}", *options, *ready]
    return RestartableProcess("broker", command, folder=plan.folder)


def worker(name: str, plan: ChaosPlan, places: ResultsStores, **settings: str) -> RestartableProcess:
    """A worker that writes to some places and whose disk fails while the plan's fault file says so."""
    known = {
        "ROOKERY_HOST": "127.0.0.1",
        "ROOKERY_PORT": "0",
        "ROOKERY_READY_FILE": str(plan.folder / f"{name}.ready"),
        "ROOKERY_ACK_DEADLINE_SECONDS": str(_ACK_DEADLINE_S),
        "ROOKERY_MODEL": str(plan.model),
        "CHAOS_FAULT": str(plan.fault),
        **places.settings,
    }
    return RestartableProcess(
        name, ["rookery.load.chaos.failing_worker"], folder=plan.folder, settings={**known, **settings}
    )


def subscribed_workers(
    stack: ExitStack, plan: ChaosPlan, places: ResultsStores, model: Path, *, broker: str
) -> list[RestartableProcess]:
    """Start the workers and subscribe them: on one port, as behind a platform's address, or each pulling for itself."""
    chosen = {
        "ROOKERY_MODEL": str(model),
        "ROOKERY_MODEL_CACHE": str(plan.folder / "models"),
        "ROOKERY_MODEL_REFRESH_SECONDS": "0.5",
    }
    if plan.pull:
        # A worker that pulls does not start without its subscription.
        subscribe(broker, None)
        return _workers(
            stack, plan, places, chosen | {"ROOKERY_PULL": SUBSCRIPTION, EMULATOR_VARIABLE: broker}
        )
    workers = _workers(stack, plan, places, chosen | {"ROOKERY_REUSE_PORT": "true"}, on_one_port=True)
    subscribe(broker, workers[0].address())
    return workers


def _workers(
    stack: ExitStack,
    plan: ChaosPlan,
    places: ResultsStores,
    chosen: Mapping[str, str],
    *,
    on_one_port: bool = False,
) -> list[RestartableProcess]:
    workers: list[RestartableProcess] = []
    port = "0"
    for nth in range(plan.workers):
        started = worker(f"worker-{nth}", plan, places, **{**chosen, "ROOKERY_PORT": port})
        workers.append(stack.enter_context(started))
        if on_one_port:
            port = workers[0].address().rsplit(":", 1)[1]
    # The first one has to come back to the port that it was given.
    workers[0].settings(ROOKERY_PORT=port)
    return workers


def subscribe(address: str, push_to: str | None) -> None:
    """Make the topic at a broker and its subscription, which pushes to a worker where there is one; raises OSError."""
    _put(f"http://{address}/v1/{TOPIC}", {})
    subscription = {
        "topic": TOPIC,
        "ackDeadlineSeconds": _ACK_DEADLINE_S,
        "retryPolicy": {"minimumBackoff": "0.1s", "maximumBackoff": "1s"},
        **({} if push_to is None else {"pushConfig": {"pushEndpoint": f"{push_to}/"}}),
    }
    _put(f"http://{address}/v1/{SUBSCRIPTION}", subscription)


def _put(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="PUT")  # noqa: S310  http on loopback only
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S):  # noqa: S310  the same
        pass
