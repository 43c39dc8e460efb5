"""The run of `rookery model adopt`: read the files, adopt, print what was taken, write."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rookery.contracts.description import show_contract
from rookery.contracts.errors import explained
from rookery.contracts.table_file import read_table
from rookery.errors import UserError
from rookery.installed import require
from rookery.schemas.atomic_file import write_atomically
from rookery.schemas.contract.source import contract_of

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class AdoptOptions:
    """A saved model, where the served one goes, and what says more of it."""

    model: Path
    out: Path
    sample: Path | None = None
    label: str | None = None
    contract: str | None = None


def run(options: AdoptOptions) -> None:
    """Adopt a model and print what was taken; raises UserError."""
    if options.label is not None and options.sample is None:
        raise UserError("--label names a column of the --sample, which is not given.")
    require("worker", *(() if options.sample is None else ("training",)))
    from rookery.registry.adoption.adoption import adopt  # noqa: PLC0415  after the check of what it needs

    try:
        raw = options.model.read_bytes()
    except OSError as error:
        raise UserError(f"{options.model} cannot be read: {error.strerror}.") from None
    with explained():
        sample = None if options.sample is None else read_table(options.sample)
        contract = None if options.contract is None else contract_of(options.contract)
    adopted = adopt(raw, name=options.model.stem, sample=sample, label=options.label, contract=contract)
    try:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.out, adopted.artifact, sync=False)
    except OSError as error:
        raise UserError(f"{options.out} cannot be written: {error.strerror}.") from None
    digest = hashlib.sha256(adopted.artifact).hexdigest()[:12]
    written = f"{options.out}: model {digest}, {len(adopted.artifact):,} bytes"
    show_contract(adopted.card.contract, [*adopted.notes, written])
