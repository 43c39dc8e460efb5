"""The command line: every command of every package. Each command imports what it runs, so that `--help` is quick."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rookery.commands.classify import classify
from rookery.commands.doctor import doctor
from rookery.commands.load import load
from rookery.commands.models.contract import app as contract
from rookery.commands.models.model import app as model
from rookery.commands.models.train import train
from rookery.commands.options import (  # noqa: TC001  typer reads the annotations
    Broker,
    Host,
    OpenPage,
    OptionalHost,
    OptionalPort,
    Port,
    Project,
    ReadyFile,
    Topic,
)
from rookery.commands.plan import plan
from rookery.commands.rejects import app as rejects
from rookery.commands.results import app as results
from rookery.commands.simulate import simulate
from rookery.commands.up import up
from rookery.commands.watch import watch
from rookery.data import DATASETS, SHIPPED
from rookery.own_program import become
from rookery.publisher.commands.outbox import app as outbox
from rookery.publisher.commands.publish import app as publish
from rookery.publisher.commands.renamed_options import RenamedOptions
from rookery.publisher.topics import LOCAL_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable

app: Final = typer.Typer(
    name="rookery",
    help="Classify streams of tabular readings, event by event, without losing one.\n\nExample: rookery demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(publish, name="publish")
app.add_typer(outbox, name="outbox")
app.add_typer(model, name="model")
app.add_typer(contract, name="contract")
app.add_typer(results, name="results")
app.add_typer(rejects, name="rejects")
app.command(cls=RenamedOptions)(simulate)
app.command(cls=RenamedOptions)(load)
app.command()(plan)
app.command()(train)
app.command()(classify)
app.command()(watch)
app.command()(up)


def command() -> Callable[..., int]:
    """The whole command line, to be called with `prog_name`."""
    return typer.main.get_command(app)


def _version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  only --version needs it

        typer.echo(f"rookery {version('rookery')}")
        raise typer.Exit


@app.callback()
def _frame(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(cls=RenamedOptions)
def demo(  # noqa: PLR0913  each option is a parameter
    *,
    dataset: Annotated[
        str,
        typer.Option(metavar="|".join(DATASETS), help="The data set; the others' models are trained first."),
    ] = SHIPPED,
    results: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|gs://BUCKET/PREFIX|pubsub://PROJECT/TOPIC",
            help="Where results go; ./demo-<time> where not given. Cloud Storage is STORAGE_EMULATOR_HOST's,"
            " or an emulator in memory.",
        ),
    ] = None,
    use_emulator: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Run over Google's emulator, which must be running."),
    ] = None,
    pull: Annotated[
        bool, typer.Option("--pull", help="Let the worker pull in place of being pushed to.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the twenty malformed readings.")] = 1,
    keep_logs: Annotated[
        bool, typer.Option("--keep-logs", help="Keep the logs of broker and worker too.")
    ] = False,
    show: OpenPage = False,
) -> None:
    """Send a data set through broker and worker on this machine, and reconcile every reading.

    Exit code 0: no reading was lost, and accuracy is at least 98 %, or that of the model on its training data.

    Example: rookery demo --dataset iris --results /tmp/iris
    """
    from rookery.demo.run import DemoOptions, run  # noqa: PLC0415  lazy, see above

    raise typer.Exit(
        run(
            DemoOptions(
                dataset=dataset,
                results=results,
                emulator=use_emulator,
                pull=pull,
                seed=seed,
                keep_logs=keep_logs,
                show=show,
            )
        )
    )


@app.command()
def serve(  # noqa: PLR0913  each option is a parameter
    *,
    host: OptionalHost = None,
    port: OptionalPort = None,
    results: Annotated[
        str | None, typer.Option(help="Address of predictions: file:///dir, gs://... or pubsub://...")
    ] = None,
    rejects: Annotated[str | None, typer.Option(help="Address of rejections, likewise.")] = None,
    model: Annotated[str | None, typer.Option(help="The model: a path or gs://bucket/object.")] = None,
    pull: Annotated[
        str | None,
        typer.Option(
            metavar="projects/P/subscriptions/S", help="Pull from this subscription; pushes are not served."
        ),
    ] = None,
    ready_file: ReadyFile = None,
) -> None:
    """Run the worker. ROOKERY_ variables configure it; an option wins over its variable.

    Example: rookery serve --port 8080 --results file:///tmp/results --rejects file:///tmp/rejects
    """
    given = {
        "HOST": host,
        "PORT": port,
        "RESULTS": results,
        "REJECTS": rejects,
        "MODEL": model,
        "PULL": pull,
        "READY_FILE": ready_file,
    }
    settings = {f"ROOKERY_{name}": str(value) for name, value in given.items() if value is not None}
    needs = ("worker",) if pull is None else ("worker", "publisher")
    become("rookery.worker", [], needs=needs, settings=settings)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def broker(  # noqa: PLR0913  each is an option of its own
    context: typer.Context,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8085,
    ready_file: ReadyFile = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps topics, subscriptions and messages; without it rookery/broker in your data folder."
        ),
    ] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Keep everything in memory only.")] = False,
) -> None:
    """Run the embedded Pub/Sub broker; a message that it took survives a crash and a power cut.

    Options of fault injection may follow (--duplicate 0.01 --lost-ack 0.01): `python -m rookery.broker --help` lists them.

    Example: rookery broker --port 8085
    """
    arguments = ["--host", host, "--port", str(port)]
    if ready_file is not None:
        arguments += ["--ready-file", str(ready_file)]
    if data is not None:
        arguments += ["--data", str(data)]
    if memory:
        arguments.append("--memory")
    become(
        "rookery.broker",
        [*arguments, *context.args],
        needs=("broker", "publisher", "oidc"),
        modules=("httptools",),
    )


@app.command()
def setup(  # noqa: PLR0913  each option is a parameter
    *,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    push_to: Annotated[str, typer.Option(help="The worker's address.")] = "http://127.0.0.1:8080/",
    pull: Annotated[
        bool,
        typer.Option("--pull", help="Make a subscription that the worker pulls from; --push-to is not used."),
    ] = False,
    service_account: Annotated[
        str | None, typer.Option(help="Service account whose token the push carries (production).")
    ] = None,
    broker: Broker = None,
) -> None:
    """Make topic, subscription and dead letters; existing ones are kept, and updated where they differ.

    Example: rookery setup --topic projects/rookery-local/topics/readings --push-to http://127.0.0.1:8080/
    """
    from rookery.commands.setup import run  # noqa: PLC0415  lazy, see above

    target = None if pull else push_to
    run(topic, project=project, push_to=target, service_account=service_account, broker=broker)


app.command()(doctor)
