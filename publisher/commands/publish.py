"""`rookery publish`: readings from a file, a stream or the command line. Each command fetches what it needs."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated, Final

import typer

from rookery.publisher.commands.feature_options import GIVEN, FeatureOptions
from rookery.publisher.commands.options import (
    DEFAULT_TIMEOUT_S,
    Broker,
    ContractSource,
    DeviceId,
    DryRun,
    Project,
    Timeout,
    Topic,
)
from rookery.publisher.commands.renamed_options import RenamedOptions
from rookery.publisher.topics import LOCAL_TOPIC

app: Final = typer.Typer(
    help="Publish readings to a topic.\n\nExample: rookery publish file readings.csv\n\n"
    "Exit code 0: every row has a message id, or stands in its file of bad rows. 1: some rows have neither, or a file "
    "has none that was published. 2: nothing was published, for whatever reason. 130: interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

FilePaths = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Paths, patterns, gs://bucket/name or -; compressed ones too."),
]


@app.command("csv", cls=RenamedOptions, hidden=True)
@app.command("file", cls=RenamedOptions)
def file_(  # noqa: PLR0913  each option is a parameter
    files: FilePaths,
    *,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    broker: Broker = None,
    tables: Annotated[
        bool, typer.Option("--tables/--one-per-message", help="Many rows a message, or one.")
    ] = True,
    table_bytes: Annotated[
        int, typer.Option(min=1_000, max=9_000_000, help="About how many bytes a table is.")
    ] = 20_000,
    rows_per_table: Annotated[
        int, typer.Option(min=1, max=100_000, help="At most so many rows a table.")
    ] = 350,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Meaning of a column; COLUMN= leaves it out."),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option("--unit", metavar="COLUMN=UNIT", help="Unit of a column, such as cm or kg."),
    ] = None,
    thousands: Annotated[str, typer.Option(metavar="SIGN", help="Sign between thousands, as in 3,750.")] = "",
    decimal: Annotated[str, typer.Option(metavar="SIGN", help="Sign before decimals, as in 39,1.")] = "",
    missing: Annotated[
        list[str] | None,
        typer.Option("--missing", metavar="NUMBER", help="A number that stands for no value, such as -9999."),
    ] = None,
    skip: Annotated[
        int | None, typer.Option(min=0, metavar="LINES", help="Lines above the names of the columns.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="SIGN", help="Sign between cells; tab is \\t.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a text, such as latin-1.")] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a spreadsheet, by its name.")] = None,
    id_prefix: Annotated[str, typer.Option(help="Put before each reading_id, to send a file twice.")] = "",
    device_id: DeviceId = None,
    contract: ContractSource = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run was ended.")] = False,
    work_dir: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder for checkpoints and bad rows; the file's own where not given.",
        ),
    ] = None,
    dry_run: DryRun = False,
    timeout_s: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Publish files: CSV and other text, .xlsx, .xls, .ods, Parquet, Feather, Arrow, JSON, also compressed ones.

    The form, the delimiter, the encoding and the header are recognised by the content; the options say what cannot be.
    A file sent again counts once: its reading ids come from its content. Bad rows go to FILE.rejected.csv, with every
    reason; fix and publish that file. An interrupted or killed run goes on with --resume. Exit code 0: every row has a
    message id or stands in that file; 2: nothing was published, nothing was there among others. A dry run has the same
    codes, and keeps no bad row.

    Example: rookery publish file readings.csv

    Example: rookery publish file 'season/*.xlsx' --map 'Weight=body_mass_g' --unit 'Weight=kg' --resume
    """
    from rookery.publisher.commands.feature_options import explained_contract  # noqa: PLC0415  lazy, see above
    from rookery.publisher.commands.file import FileCommand, assigned, file_options  # noqa: PLC0415  lazy, see above
    from rookery.publisher.commands.terminal import Destination, Terminal  # noqa: PLC0415  lazy, see above

    command = FileCommand(
        files=tuple(files),
        one_per_message=not tables,
        table_bytes=table_bytes,
        most_rows=rows_per_table,
        options=file_options(
            mapping=assigned(mapping or []),
            units=assigned(unit or [], hint="--unit", what="UNIT"),
            skip=skip,
            delimiter=delimiter,
            encoding=encoding,
            decimal=decimal,
            thousands=thousands,
            missing=tuple(missing or ()),
            sheet=sheet,
        ),
        id_prefix=id_prefix,
        device_id=device_id,
        contract=explained_contract(contract),
        work_dir=work_dir,
    )
    terminal = Terminal()
    if dry_run:
        raise typer.Exit(command.check(terminal))
    destination = Destination(topic=topic, project=project, broker=broker, give_up_s=timeout_s)
    raise typer.Exit(command.publish(terminal, destination, resume=resume))


@app.command(cls=FeatureOptions)
def reading(  # noqa: PLR0913  each option is a parameter
    context: typer.Context,
    *,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A feature's value, by any name; may be repeated."),
    ] = None,
    reading_id: Annotated[
        str | None, typer.Option(help="Identity of the observation, which makes a retry harmless.")
    ] = None,
    device_id: DeviceId = None,
    contract: ContractSource = None,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    broker: Broker = None,
    dry_run: DryRun = False,
    timeout_s: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Publish one reading. Each feature of the contract is an option too: --help with --contract lists them.

    Example: rookery publish reading --set 'body_mass_g=3750' --set sex=male

    Example: rookery publish reading --contract iris.json --set 'petal width (cm)=0.2'
    """
    from rookery.publisher.commands.exit_codes import NONE  # noqa: PLC0415  lazy, see above
    from rookery.publisher.commands.feature_options import explained_contract, reading_values  # noqa: PLC0415  lazy, see above
    from rookery.publisher.commands.terminal import Destination, Terminal  # noqa: PLC0415  lazy, see above
    from rookery.publisher.contracts import InvalidReadingError, valid_readings  # noqa: PLC0415  lazy, see above

    terminal = Terminal()
    by = explained_contract(contract)
    known = reading_values(by, context.meta[GIVEN], values or [])
    known |= {name: each for name, each in (("reading_id", reading_id), ("device_id", device_id)) if each}
    try:
        one = valid_readings(known, by)
    except InvalidReadingError as error:
        terminal.refuse(error.reasons)
        raise typer.Exit(NONE) from None
    if dry_run:
        raise typer.Exit(terminal.check([one]))
    destination = Destination(topic=topic, project=project, broker=broker, give_up_s=timeout_s)
    raise typer.Exit(terminal.send_one(destination, one))


@app.command(cls=RenamedOptions)
def stream(  # noqa: PLR0913  each option is a parameter
    source: Annotated[
        typer.FileText,
        typer.Argument(
            encoding="utf-8", errors="surrogateescape", metavar="FILE|-", help="NDJSON; - is standard input."
        ),
    ],
    *,
    topic: Topic = LOCAL_TOPIC,
    project: Project = None,
    broker: Broker = None,
    contract: ContractSource = None,
    dry_run: DryRun = False,
    timeout_s: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Publish readings and tables as they come, one JSON object a line, or all in one JSON array.

    Example: my-sensor | rookery publish stream -
    """
    from rookery.publisher.commands.feature_options import explained_contract  # noqa: PLC0415  lazy, see above
    from rookery.publisher.commands.terminal import Destination, Terminal  # noqa: PLC0415  lazy, see above
    from rookery.publisher.files.stream.ndjson import ndjson_readings  # noqa: PLC0415  lazy, see above

    terminal, items = Terminal(), ndjson_readings(source, explained_contract(contract))
    if dry_run:
        raise typer.Exit(terminal.check(items))
    destination = Destination(topic=topic, project=project, broker=broker, give_up_s=timeout_s)
    raise typer.Exit(terminal.send(destination, items))
