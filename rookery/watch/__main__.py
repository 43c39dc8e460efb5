"""`python -m rookery.watch`: the page alone, for `rookery demo --open`, and where `rookery` is not on the PATH."""

from __future__ import annotations

import typer

from rookery.commands.watch import watch

if __name__ == "__main__":
    typer.run(watch)
