"""The command line: one door to every room. Only the frame is imported here, each command fetches its own."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from rookery.commands.load import load
from rookery.commands.model import app as model
from rookery.commands.plan import plan
from rookery.commands.rejects import app as rejects
from rookery.commands.results import app as results
from rookery.commands.simulate import simulate
from rookery.commands.watch import watch
from rookery.errors import UserError
from rookery.publisher.commands.outbox import app as outbox
from rookery.publisher.commands.publish import app as publish
from rookery.publisher.topics import LOCAL_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable

app: Final = typer.Typer(
    name="rookery",
    help="Classify streams of penguin measurements, event by event, without losing one.\n\nExample: rookery demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(publish, name="publish")
app.add_typer(outbox, name="outbox")
app.add_typer(model, name="model")
app.add_typer(results, name="results")
app.add_typer(rejects, name="rejects")
app.command()(simulate)
app.command()(load)
app.command()(plan)
app.command()(watch)


def command() -> Callable[..., int]:
    """The whole command, ready to be called with `prog_name`."""
    return typer.main.get_command(app)


def _version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  nobody else needs it

        typer.echo(f"rookery {version('rookery')}")
        raise typer.Exit


@app.callback()
def _frame(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    *,
    results: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|gs://BUCKET/PREFIX|pubsub://PROJECT/TOPIC",
            help="Where results go; ./demo-<time> where it is not given. Storage is what STORAGE_EMULATOR_HOST"
            " names, or one in memory.",
        ),
    ] = None,
    use_emulator: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Run over Google's emulator, which must be there.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which twenty spoilt readings come along.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the logs of broker and worker too.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open a live page beside it, until Ctrl-C.")] = False,
) -> None:
    """Send real penguins through broker and worker on this machine, and account for every one.

    Exit code 0 says that none was lost and at least 98 % were named rightly.

    Example: rookery demo --results /tmp/penguins
    """
    from rookery.demo.run import DemoOptions, run  # noqa: PLC0415  lazy, see above

    raise typer.Exit(
        run(DemoOptions(results=results, emulator=use_emulator, seed=seed, keep=keep, show=show))
    )


@app.command()
def train(
    *,
    data: Annotated[Path, typer.Option(help="The birds to learn from.")] = Path("data/penguins.csv"),
    out: Annotated[Path, typer.Option(help="Where the model goes.")] = Path("penguins.ubj"),
    seed: Annotated[int, typer.Option(help="The same seed and data give the same bytes.")] = 7,
    depth: Annotated[
        int | None, typer.Option(help="Depth of the trees, with --rounds; chosen where it is not given.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="How many rounds, with --depth; likewise.")] = None,
) -> None:
    """Train the model and print how good it is.

    Example: rookery train --data data/penguins.csv --out penguins.ubj
    """
    arguments = ["--data", str(data), "--out", str(out), "--seed", str(seed)]
    for option, given in (("--depth", depth), ("--rounds", rounds)):
        arguments += [] if given is None else [option, str(given)]
    _become("rookery.training", arguments, needs=("sklearn", "xgboost"))


@app.command()
def serve(  # noqa: PLR0913  each option is a parameter
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes any free one.")] = None,
    results: Annotated[
        str | None, typer.Option(help="Where predictions go: file:///dir, gs://... or pubsub://...")
    ] = None,
    rejects: Annotated[str | None, typer.Option(help="Where rejections go, likewise.")] = None,
    model: Annotated[str | None, typer.Option(help="The model: a path or gs://bucket/object.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="File that gets the address once ready.")] = None,
) -> None:
    """Run the worker. Every ROOKERY_ variable counts; an option given here wins over it.

    Example: rookery serve --port 8080 --results file:///tmp/results --rejects file:///tmp/rejects
    """
    given = {
        "HOST": host,
        "PORT": port,
        "RESULTS": results,
        "REJECTS": rejects,
        "MODEL": model,
        "READY_FILE": ready_file,
    }
    settings = {f"ROOKERY_{name}": str(value) for name, value in given.items() if value is not None}
    _become("rookery.worker", [], needs=("aiohttp", "xgboost"), settings=settings)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def broker(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = 8085,
    ready_file: Annotated[Path | None, typer.Option(help="File that gets HOST:PORT once ready.")] = None,
) -> None:
    """Run the embedded Pub/Sub broker; it keeps messages in memory.

    Trouble on purpose is added behind it (--duplicate 0.01 --lost-ack 0.01): `python -m rookery.broker --help` lists it.

    Example: rookery broker --port 8085
    """
    arguments = ["--host", host, "--port", str(port)]
    if ready_file is not None:
        arguments += ["--ready-file", str(ready_file)]
    _become("rookery.broker", [*arguments, *context.args], needs=("aiohttp", "google.cloud.pubsub_v1"))


@app.command()
def setup(
    *,
    topic: Annotated[
        str, typer.Option(envvar="ROOKERY_TOPIC", help="Name of the topic, whole or short.")
    ] = "projects/rookery-local/topics/readings",
    project: Annotated[str | None, typer.Option(help="Project of a short topic name.")] = None,
    push_to: Annotated[str, typer.Option(help="Where the worker listens.")] = "http://127.0.0.1:8080/",
    service_account: Annotated[
        str | None, typer.Option(help="Whose token the push carries (production).")
    ] = None,
    broker: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Broker or emulator, before PUBSUB_EMULATOR_HOST.")
    ] = None,
) -> None:
    """Make topic, push subscription and dead letters; what is there already is found, or mended.

    Example: rookery setup --topic projects/rookery-local/topics/readings --push-to http://127.0.0.1:8080/
    """
    from rookery.commands.setup import run  # noqa: PLC0415  lazy, see above

    run(topic, project=project, push_to=push_to, service_account=service_account, broker=broker)


@app.command()
def doctor(
    *,
    topic: Annotated[
        str, typer.Option(envvar="ROOKERY_TOPIC", help="Name of the topic, whole or short.")
    ] = LOCAL_TOPIC,
    project: Annotated[str | None, typer.Option(help="Project of a short topic name.")] = None,
    subscription: Annotated[
        str | None, typer.Option(help="Whole name of the push subscription; TOPIC-worker where not given.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Broker or emulator, before PUBSUB_EMULATOR_HOST.")
    ] = None,
) -> None:
    """Look at the configuration in the environment and in Pub/Sub: what is unsafe, and how to mend it.

    Exit code 0: nothing is wrong. 1: something is.

    Example: rookery doctor --topic projects/my-project/topics/readings
    """
    from rookery.doctor.examination import run  # noqa: PLC0415  lazy, see above

    raise typer.Exit(run(topic, project=project, subscription_name=subscription, broker=broker))


def _become(
    room: str, arguments: list[str], *, needs: tuple[str, ...], settings: dict[str, str] | None = None
) -> NoReturn:
    """Turn this process into the room's own program, so that signals reach it without a go-between."""
    for need in needs:
        if importlib.util.find_spec(need.split(".", maxsplit=1)[0]) is None:
            raise UserError(
                f"{need} is not installed.",
                hint=f"pip install 'rookery[{room.rpartition('.')[2]}]' brings it.",
            )
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", room, *arguments]
    os.execve(sys.executable, command, {**os.environ, **(settings or {})})  # noqa: S606  our own program, no shell
