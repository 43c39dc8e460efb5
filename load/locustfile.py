"""Locust: devices, uploaders and open-loop senders, over REST or gRPC, to a broker, an emulator or Google's own Pub/Sub.

locust -f load/locustfile.py --headless --users 100 --spawn-rate 20 --run-time 1m --host http://127.0.0.1:8085

ROOKERY_LOAD_... sets everything else (load/swarm/settings.py). With --class-picker Locust's page lets a person choose
among the shapes and the classes of users.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from locust import events

from rookery.load.swarm.settings import SwarmSettingsError, kinds, swarm_settings
from rookery.load.swarm.shapes import shape
from rookery.load.swarm.stages import SHAPES
from rookery.publisher.topics import LOCAL_TOPIC, topic_path

try:
    SETTINGS: Final = swarm_settings()
    if SETTINGS.transport == "grpc":
        # Before any user module opens a channel: without it one call blocks every user.
        from grpc.experimental.gevent import init_gevent

        init_gevent()
    from rookery.load.swarm import open_loop, predict_user, users
    from rookery.load.swarm.swarm import Swarm

    _KINDS: Final[dict[str, Any]] = {
        "FieldDevice": users.FieldDevice,
        "BulkUploader": users.BulkUploader,
        "MalformedDevice": users.MalformedDevice,
        "OpenLoop": open_loop.OpenLoop,
        "PredictUser": predict_user.PredictUser,
    }
    if not SETTINGS.predict_url:
        del _KINDS["PredictUser"]
    # Locust's own option and variable: which of the classes are run is chosen in its page.
    CHOSEN_LATER: Final = "--class-picker" in sys.argv or bool(os.environ.get("LOCUST_USERCLASS_PICKER"))
    # Locust takes every class of users that it finds here by name, and a shape where there is one.
    globals().update(
        _KINDS if SETTINGS.shape or CHOSEN_LATER else {kind: _KINDS[kind] for kind in kinds(SETTINGS)}
    )
    if SETTINGS.shape:
        Shape: Final = shape(SETTINGS, _KINDS)
    elif CHOSEN_LATER:
        globals().update({name.capitalize(): shape(replace(SETTINGS, shape=name), _KINDS) for name in SHAPES})
except (SwarmSettingsError, ValueError) as error:
    sys.exit(f"load: {error}")

if TYPE_CHECKING:
    from locust.argument_parser import LocustArgumentParser
    from locust.env import Environment


def _options(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--topic", env_var="ROOKERY_TOPIC", default=LOCAL_TOPIC, help="Whole name of the topic"
    )


def _begin(environment: Environment, **_: Any) -> None:
    swarm = Swarm(
        environment,
        SETTINGS,
        topic=topic_path(str(getattr(environment.parsed_options, "topic", LOCAL_TOPIC))),
    )
    swarm.open()
    environment.swarm = swarm  # type: ignore[attr-defined]  # what Locust's environment is for
    environment.events.request.add_listener(_time_durable(swarm))  # type: ignore[no-untyped-call]  # Locust leaves it untyped


def _time_durable(swarm: Swarm) -> Any:
    def _note(*, request_type: str, response_time: float, **_: Any) -> None:
        if request_type == "RESULT":
            swarm.stats.durable(response_time)

    return _note


def _end(environment: Environment, **_: Any) -> None:
    environment.swarm.close()  # type: ignore[attr-defined]  # the same


events.init_command_line_parser.add_listener(_options)  # type: ignore[no-untyped-call]  # Locust leaves it untyped
events.test_start.add_listener(_begin)  # type: ignore[no-untyped-call]  # the same
events.test_stop.add_listener(_end)  # type: ignore[no-untyped-call]  # the same
