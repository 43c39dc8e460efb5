"""`python -m rookery.load.chaos`: one run, its table, and exit code 0 only where every reading is accounted for."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from rookery.load.chaos.kills import run as kills
from rookery.load.chaos.kills.plan import KillPlan
from rookery.load.chaos.plan import SHIPPED_MODEL, ChaosPlan
from rookery.load.chaos.run import run
from rookery.load.child_process import ProcessFailedError

if TYPE_CHECKING:
    from rookery.load.chaos.run import ChaosOutcome

_SHOWN: Final = 5
_LEAST_KILLS: Final = 20
_KILLS_A_MINUTE: Final = 14
_PUBLISHERS: Final = 4
_BROKER_RATE: Final = 1_600
_FAST_RATE: Final = 5_000


def main() -> int:
    """Run once; returns 0 if reconciliation passed, 1 if not, 2 if the run could not be finished."""
    options = _options()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="rookery-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = _plan(options, folder)
    out = Console(highlight=False)
    out.print(f"Chaos with seed {plan.seed} for {plan.seconds:g} s; files in {folder}")
    try:
        outcome = kills.run(plan) if isinstance(plan, KillPlan) else run(plan)
    except ProcessFailedError as error:
        out.print(f"Broken (seed {plan.seed}): {error}")
        return 2
    out.print(_table(plan, outcome))
    for each in _complaints(outcome):
        out.print(each)
    if outcome.good and not options.folder:
        shutil.rmtree(folder)
    return 0 if outcome.good else 1


def _plan(options: argparse.Namespace, folder: Path) -> ChaosPlan:
    common: dict[str, Any] = {
        "seed": options.seed,
        "seconds": options.minutes * 60,
        "folder": folder,
        "sink": options.sink,
        "model": options.model,
        "pull": options.pull,
    }
    if not options.broker:
        return ChaosPlan(**common, least_kills=min(_LEAST_KILLS, int(_KILLS_A_MINUTE * options.minutes)))
    rate = _BROKER_RATE if options.readings is None else _FAST_RATE
    return KillPlan(
        **common,
        publishers=_PUBLISHERS,
        messages_per_second=rate,
        readings=options.readings,
        kills_each=options.kills,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rookery.load.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="repeat a run's dice")
    parser.add_argument("--minutes", type=float, default=3.0, help="length of the load (default: 3)")
    parser.add_argument(
        "--sink",
        choices=("folder", "store"),
        default="folder",
        help="where the workers write (default: folder)",
    )
    parser.add_argument(
        "--broker",
        action="store_true",
        help="kill -9 broker, workers and publishers instead, over a broker with a store",
    )
    parser.add_argument(
        "--readings",
        type=int,
        help="with --broker: until so many are published and have a result, however long it takes",
    )
    parser.add_argument(
        "--kills",
        type=int,
        help="with --broker: of brokers, workers and publishers each (default: one in 3 s)",
    )
    parser.add_argument(
        "--pull", action="store_true", help="let the workers pull in place of pushing to them"
    )
    parser.add_argument(
        "--model", type=Path, default=SHIPPED_MODEL, help="the workers' model (default: the shipped one)"
    )
    parser.add_argument("--folder", type=Path, help="keep results and logs here")
    return parser.parse_args()


def _table(plan: ChaosPlan, outcome: ChaosOutcome) -> Table:
    account = outcome.account
    table = Table("survived fault or count", "times", title=f"Chaos, seed {plan.seed}, {plan.seconds:g} s")
    table.columns[1].justify = "right"
    for name, times in sorted(outcome.survived.items()):
        table.add_row(name, f"{times:,}")
    table.add_section()
    for kind, times in sorted(outcome.sent.items()):
        table.add_row(f"messages published: {kind}", f"{times:,}")
    table.add_row("models that answered", f"{outcome.models}")
    table.add_section()
    table.add_row("readings published", f"{account.published:,}")
    table.add_row("predicted", f"{account.predicted:,}")
    table.add_row("rejected, with every reason", f"{account.rejected:,}")
    if isinstance(outcome, kills.KillsOutcome):
        table.add_row("rows of `rookery results export`", f"{outcome.exported.rows:,}")
        table.add_row("  of which repeat a reading", f"{outcome.exported.repeated:,}")
    table.add_row("written more than once, read once", f"{len(account.duplicated):,}")
    table.add_row("seconds to settle after the load", f"{outcome.settled_s:.1f}")
    table.add_section()
    for name, found in (("lost", account.lost), ("wrong", account.wrong), ("unexpected", account.unexpected)):
        table.add_row(name, f"{len(found):,}")
    table.add_row("files left unsealed after a restart", f"{outcome.unsealed}")
    table.add_row("tracebacks logged", f"{len(outcome.tracebacks)}")
    return table


def _complaints(outcome: ChaosOutcome) -> list[str]:
    account = outcome.account
    return [
        *(f"lost: {each}" for each in account.lost[:_SHOWN]),
        *(f"wrong: {each}" for each in account.wrong[:_SHOWN]),
        *(f"unexpected: {each}" for each in account.unexpected[:_SHOWN]),
        *outcome.tracebacks[:_SHOWN],
    ]


if __name__ == "__main__":
    sys.exit(main())
