"""RenamedOptions: a command that still takes the former names of its options, for one version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

RENAMED: Final = {
    "--beside": "--work-dir",
    "--cap": "--max-messages",
    "--drop-one-in": "--fault-drop",
    "--gaps": "--missing-rate",
    "--give-up-s": "--timeout",
    "--keep": "--keep-logs",
    "--peak": "--max-users",
    "--singles": "--one-per-message",
    "--species": "--predicted",
}
"""Former names of options, of all commands; they go in 0.2."""


class RenamedOptions(TyperCommand):
    """Takes former names and prints one deprecation line for each on standard error: `app.command(cls=RenamedOptions)`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse with the former names replaced."""
        return super().parse_args(ctx, list(self._renamed(args)))

    def _renamed(self, args: Sequence[str]) -> Iterator[str]:
        known = {name for each in self.params for name in (*each.opts, *each.secondary_opts)}
        options = True
        for argument in args:
            options = options and argument != "--"
            former, separator, value = argument.partition("=")
            name = RENAMED.get(former) if options and former not in known else None
            if name in known:
                typer.echo(f"{former} is deprecated and goes in 0.2: use {name}.", err=True)
                yield f"{name}{separator}{value}"
            else:
                yield argument
