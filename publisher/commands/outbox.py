"""`rookery outbox`: what a device has stored, and sending it now."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from rookery.publisher.commands.options import Broker  # noqa: TC001  typer reads the annotation

app: Final = typer.Typer(
    help="Look into a device's outbox, and send what it holds.\n\nExample: rookery outbox status readings.db",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

OutboxPath = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The outbox's file.")]


@app.command()
def status(path: OutboxPath) -> None:
    """Say what is stored. Exit code 0: nothing that was refused. 1: something was.

    Example: rookery outbox status readings.db
    """
    from rookery.publisher.commands.exit_codes import ALL, SOME  # noqa: PLC0415  the same
    from rookery.publisher.commands.terminal import Terminal  # noqa: PLC0415  the same
    from rookery.publisher.outbox.store import Outbox  # noqa: PLC0415  lazy, so that help is quick

    terminal = Terminal()
    with terminal.explaining(), Outbox(path) as outbox:
        found = outbox.status()
    age = "" if found.oldest_s is None else f", the oldest for {found.oldest_s:.0f} s"
    terminal.say(f"{found.messages} messages ({found.readings} readings, {found.bytes} bytes) wait{age}")
    terminal.say(f"for {found.topic or 'no topic yet'}")
    if found.dropped:
        terminal.say(f"{found.dropped} readings were given up for newer ones")
    if found.refused:
        terminal.say(
            f"{found.refused} messages were refused by Pub/Sub: `rookery outbox drain --refused` tries again"
        )
    raise typer.Exit(SOME if found.refused else ALL)


@app.command()
def drain(
    path: OutboxPath,
    *,
    broker: Broker = None,
    refused: Annotated[bool, typer.Option("--refused", help="Try again what Pub/Sub refused, too.")] = False,
    within_s: Annotated[
        float, typer.Option("--within", min=0.1, metavar="SECONDS", help="How long to try.")
    ] = 60.0,
) -> None:
    """Send everything that is stored, and wait for it. Exit code 0: the outbox is empty. 1: it is not.

    Example: rookery outbox drain readings.db --broker 127.0.0.1:8085
    """
    from rookery.publisher.client import ReadingPublisher  # noqa: PLC0415  lazy, so that help is quick
    from rookery.publisher.commands.exit_codes import ALL, SOME  # noqa: PLC0415  the same
    from rookery.publisher.commands.terminal import Terminal  # noqa: PLC0415  the same
    from rookery.publisher.errors import StillStoredError  # noqa: PLC0415  the same
    from rookery.publisher.outbox.store import Outbox  # noqa: PLC0415  the same
    from rookery.publisher.settings import PublisherSettings  # noqa: PLC0415  the same

    terminal = Terminal()
    with terminal.explaining():
        outbox = Outbox(path)
        before = outbox.status()
        if before.topic is None:
            terminal.say("Nothing was ever stored")
            raise typer.Exit(ALL)
        if refused:
            outbox.readmit()
        attempt_s = min(20.0, within_s)
        settings = PublisherSettings(
            broker=broker, give_up_s=max(0.0, within_s - attempt_s), attempt_s=attempt_s
        )
        with ReadingPublisher(before.topic, settings=settings, outbox=outbox) as publisher:
            try:
                publisher.flush()
            except StillStoredError as error:
                terminal.note(f"rookery: {error}")
        left = outbox.status()
        outbox.close()
    terminal.say(f"Sent {before.messages - left.messages} of {before.messages} messages to {before.topic}")
    raise typer.Exit(SOME if left.messages else ALL)
