"""`rookery rejects`: list, show and replay rejected readings."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rookery.commands.options import (  # noqa: TC001  typer reads the annotations
    Broker,
    Device,
    Project,
    Topic,
)
from rookery.errors import UserError
from rookery.installed import require
from rookery.publisher.commands.options import ContractSource  # noqa: TC001  typer reads the annotations
from rookery.publisher.topics import LOCAL_TOPIC
from rookery.results.times import moment
from rookery.schemas.output.printable import printable

if TYPE_CHECKING:
    from rookery.results.replay import ReplayFilter

app: Final = typer.Typer(
    help="List rejected readings, show one, or publish again those that would pass now.\n\n"
    "Example: rookery rejects list results/rejections\n\n"
    "Exit code 0: all passed, or were shown. 1: some would be rejected again. 2: not done.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Uri = Annotated[
    str, typer.Argument(metavar="URI", help="Folder, file:///dir or gs://bucket/prefix of rejections.")
]
Field = Annotated[str | None, typer.Option(help="Only rejections with a reason for this field.")]
Why = Annotated[str | None, typer.Option("--reason", help="Only rejections whose reason has this text.")]
_TIME: Final = "2026-11-23T12:00:00Z|2026-11-23"
Since = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar=_TIME, help="Only those rejected from this moment on."),
]
Until = Annotated[
    datetime | None, typer.Option(parser=moment, metavar=_TIME, help="Only those rejected up to this moment.")
]
ReadingId = Annotated[str | None, typer.Option("--id", help="Only this reading.")]


def _wanted(
    *,
    reading_id: str | None = None,
    device: str | None = None,
    field: str | None = None,
    why: str | None = None,
    between: tuple[datetime | None, datetime | None] = (None, None),
) -> ReplayFilter:
    from rookery.results.replay import ReplayFilter  # noqa: PLC0415  lazy, so that help is quick

    since, until = between
    return ReplayFilter(
        reading_id=reading_id, device=device, field=field, reason=why, since=since, until=until
    )


@app.command("list")
def list_rejects(  # noqa: PLR0913  each option is a parameter
    uri: Uri,
    *,
    device: Device = None,
    field: Field = None,
    why: Why = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Print one line for each rejected reading: time, reading id, reasons.

    Example: rookery rejects list results/rejections --field body_mass_g --since 2026-11-01
    """
    from rookery.results.replay import rejected  # noqa: PLC0415  lazy, so that help is quick

    count = 0
    for one in rejected(uri, _wanted(device=device, field=field, why=why, between=(since, until))):
        count += 1
        reasons = "; ".join(f"{each.field}: {each.rule}" for each in one.reasons)
        typer.echo(printable(f"{one.rejected_at:%Y-%m-%d %H:%M:%S}  {one.reading_id}  {reasons}"))
    typer.echo(f"{count} readings", err=True)


@app.command()
def show(
    uri: Uri,
    reading_id: Annotated[
        str, typer.Argument(metavar="READING_ID", help="As `rookery rejects list` prints it.")
    ],
) -> None:
    """Print one rejected reading: every field, then its original payload.

    Example: rookery rejects show results/rejections device-7-1234
    """
    from rookery.results.replay import rejected, shown  # noqa: PLC0415  the same

    found = next(rejected(uri, _wanted(reading_id=reading_id)), None)
    if found is None:
        raise UserError(f"There is no rejected reading {reading_id} in {uri}.")
    typer.echo(shown(found))


@app.command()
def replay(  # noqa: PLR0913  each option is a parameter
    uri: Uri,
    *,
    reading_id: ReadingId = None,
    device: Device = None,
    field: Field = None,
    why: Why = None,
    since: Since = None,
    until: Until = None,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    broker: Broker = None,
    contract: ContractSource = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only validate; publish nothing.")] = False,
) -> None:
    """Validate rejected readings on this machine, and publish those that would pass now.

    They keep their reading id, and the attribute rookery_replay_of names the message they came in.

    Example: rookery rejects replay results/rejections --reason "model failed" --dry-run
    """
    from rookery.publisher.commands.feature_options import explained_contract  # noqa: PLC0415  lazy, so that help is quick
    from rookery.publisher.commands.terminal import REACH_S, Destination, Terminal  # noqa: PLC0415  the same
    from rookery.results.replay import Replay, rejected  # noqa: PLC0415  the same

    terminal, by = Terminal(), explained_contract(contract)
    wanted = _wanted(reading_id=reading_id, device=device, field=field, why=why, between=(since, until))
    if dry_run:
        done = Replay(contract=by)
        for one in rejected(uri, wanted):
            done.offer(one)
    else:
        destination = Destination(topic=topic, project=project, broker=broker)
        with terminal.explaining(), destination.publisher() as publisher:
            publisher.reach(REACH_S)
            done = Replay(publisher, by)
            for one in rejected(uri, wanted):
                done.offer(one)
    for one, reasons in done.still_bad:
        why_not = "; ".join(f"{each.field}: {each.rule}" for each in reasons)
        terminal.note(f"{one.reading_id}: {why_not}")
    outcome = "would pass; nothing was sent" if dry_run else "sent again"
    terminal.say(f"{done.passed} of {done.passed + len(done.still_bad)} readings {outcome}")
    raise typer.Exit(1 if done.still_bad else 0)


@app.command()
def republish(
    subscription: Annotated[
        str,
        typer.Argument(
            help="Whole name of the subscription that keeps dead letters, TOPIC-dead-letter-kept."
        ),
    ],
    *,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    broker: Broker = None,
    most: Annotated[int | None, typer.Option("--limit", min=1, help="Dead letters at the most.")] = None,
) -> None:
    """Send dead letters to the topic of the readings again; each is acknowledged once it is published.

    Fix their cause first. A reading keeps its own id, so that a second answer is a duplicate.

    Example: rookery rejects republish projects/my-project/subscriptions/readings-dead-letter-kept --topic readings --project my-project
    """
    require("publisher")
    from rookery.publisher.errors import BadBrokerError, BadTopicError  # noqa: PLC0415  lazy, so that help is quick
    from rookery.publisher.settings import PublisherSettings  # noqa: PLC0415  the same
    from rookery.publisher.topics import topic_path  # noqa: PLC0415  the same
    from rookery.results.dead_letters import republished  # noqa: PLC0415  the same

    try:
        name = topic_path(topic, project)
        address = PublisherSettings(broker=broker).address(name)
    except (BadBrokerError, BadTopicError) as error:
        raise UserError(str(error)) from None
    sent = sum(republished(subscription, name, broker=address, most=most))
    typer.echo(f"{sent} dead letters were sent to {name} again")
