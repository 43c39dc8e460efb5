"""`rookery contract json-schema|avro|bigquery|openapi`: the schemas that are derived from a contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from rookery.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rookery.schemas.contract.contract import Contract

app: Final = typer.Typer(
    help="Write the schemas that are derived from a contract.\n\nExample: rookery contract openapi my-model.ubj",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Source = Annotated[
    str,
    typer.Argument(
        metavar="[CONTRACT|MODEL]",
        help="A contract's JSON or a model, as a path or gs://bucket/object; the shipped one where not given.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None, typer.Option(metavar="FILE", help="File of the schema; standard output where not given.")
]


@app.command("json-schema")
def json_schema(source: Source = "", *, out: Out = None) -> None:
    """Write the JSON Schema (2020-12) of a message's payload: one reading, or a table of readings.

    Example: rookery contract json-schema my-model.ubj --out reading.schema.json
    """
    from rookery.schemas.contract.derived import json_schema as derived  # noqa: PLC0415  lazy: pydantic takes a while

    _write(source, derived.json_schema, out)


@app.command()
def avro(source: Source = "", *, out: Out = None) -> None:
    """Write the Avro schema of a topic that takes whole readings alone.

    Names with anything but letters, digits and underscores are refused, for the messages' JSON has the contract's own names.

    Example: rookery contract avro my-model.ubj --out deploy/terraform/reading.avsc
    """
    from rookery.schemas.contract.derived.avro import avro_schema  # noqa: PLC0415  lazy, see above

    _write(source, avro_schema, out)


@app.command()
def bigquery(source: Source = "", *, out: Out = None) -> None:
    """Write the schema of the BigQuery table that result lines are written to.

    Example: rookery contract bigquery my-model.ubj --out deploy/terraform/predictions.json
    """
    from rookery.schemas.contract.derived.bigquery import bigquery_schema  # noqa: PLC0415  lazy, see above

    _write(source, bigquery_schema, out)


@app.command()
def openapi(source: Source = "", *, out: Out = None) -> None:
    """Write the OpenAPI 3.1 document of a worker that serves a model of the contract, as `GET /openapi.json` gives it.

    Example: rookery contract openapi my-model.ubj --out openapi.json
    """
    from rookery.schemas.contract.derived import openapi as derived  # noqa: PLC0415  lazy, see above

    _write(source, derived.openapi, out)


def _write(source: str, derive: Callable[[Contract], Any], out: Path | None) -> None:
    from rookery.schemas.contract.derived.errors import UnsupportedContractError  # noqa: PLC0415  lazy, see above

    try:
        schema = derive(_contract_at(source))
    except UnsupportedContractError as error:
        raise UserError(f"{error}.") from None
    text = json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}.") from None


def _contract_at(source: str) -> Contract:
    from rookery.schemas.contract.contract import InvalidContractError  # noqa: PLC0415  lazy, see above
    from rookery.schemas.contract.default import default_contract  # noqa: PLC0415  lazy, see above
    from rookery.schemas.contract.source import ContractUnreachableError, contract_of  # noqa: PLC0415  lazy, see above

    try:
        return contract_of(source) if source else default_contract()
    except (InvalidContractError, ContractUnreachableError) as error:
        raise UserError(f"{error}.") from None
