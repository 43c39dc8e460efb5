"""Stage: the programs of a run, with the faults that they are to suffer, and the route between them."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from rookery.load.chaos.process import RestartableProcess

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


def workers_on_one_port(
    stack: ExitStack, plan: ChaosPlan, places: ResultsStores, model: Path
) -> list[RestartableProcess]:
    """Start the workers on one port, as behind one address of a platform that shares requests out."""
    workers: list[RestartableProcess] = []
    port = "0"
    for nth in range(plan.workers):
        chosen = {
            "ROOKERY_PORT": port,
            "ROOKERY_REUSE_PORT": "true",
            "ROOKERY_MODEL": str(model),
            "ROOKERY_MODEL_CACHE": str(plan.folder / "models"),
            "ROOKERY_MODEL_REFRESH_SECONDS": "0.5",
        }
        workers.append(stack.enter_context(worker(f"worker-{nth}", plan, places, **chosen)))
        port = workers[0].address().rsplit(":", 1)[1]
    # The first one has to come back to the port that it was given.
    workers[0].settings(ROOKERY_PORT=port)
    return workers


def subscribe(address: str, push_to: str) -> None:
    """Make the topic at a broker and its subscription that pushes to a worker; raises OSError."""
    _put(f"http://{address}/v1/{TOPIC}", {})
    subscription = {
        "topic": TOPIC,
        "pushConfig": {"pushEndpoint": f"{push_to}/"},
        "ackDeadlineSeconds": _ACK_DEADLINE_S,
        "retryPolicy": {"minimumBackoff": "0.1s", "maximumBackoff": "1s"},
    }
    _put(f"http://{address}/v1/{SUBSCRIPTION}", subscription)


def _put(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="PUT")  # noqa: S310  http on loopback only
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=_ANSWERS_WITHIN_S):  # noqa: S310  the same
        pass
