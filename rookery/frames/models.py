"""train and adopt: a served model of a frame of known readings, or of a classifier that was trained on one."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from rookery.frames.libraries import library
from rookery.installed import require
from rookery.schemas.atomic_file import write_atomically

if TYPE_CHECKING:
    from pandas import DataFrame

    from rookery.schemas.artifact import ModelCard
    from rookery.schemas.contract.contract import Contract
    from rookery.training.tables.source_table import SourceTable

_SEED: Final = 7


def train(  # noqa: PLR0913  each is a choice of the caller's
    df: DataFrame,
    label: str | None = None,
    *,
    out: str | Path,
    contract: Contract | Path | str | None = None,
    seed: int = _SEED,
    size: tuple[int, int] | None = None,
) -> ModelCard:
    """Train a model on a frame of known readings, write it to `out`, and return its card.

    `label` is the column of the labels. The contract is inferred from the frame, or is the one that is given (a
    contract, or a contract's or a model's file), whose target stands for `label` then. `size` is the depth of the trees and the number of rounds;
    cross-validation chooses both without it. The card's `report.cross_validated.accuracy` says how well the model does.

    Raises TrainingDataError with every reason, InvalidContractError, UserError where a package is missing, and OSError.
    """
    require("training", "worker")
    from rookery.contracts.inference import infer  # noqa: PLC0415  after the check of what it needs
    from rookery.training.recipe import Size  # noqa: PLC0415  the same
    from rookery.training.recipe import train as trained_on  # noqa: PLC0415  the same
    from rookery.training.tables.data import training_data  # noqa: PLC0415  the same

    given = _contract(contract)
    if label is None and given is None:
        raise TypeError("the label's column is needed where no contract is given")
    table = source_table(df)
    settled = given or infer(table, str(label), name=Path(out).stem).contract
    made = trained_on(
        training_data(table, settled, label=label), seed=seed, size=Size(*size) if size else None
    )
    write_atomically(Path(out), made.artifact, sync=False)
    return made.card


def adopt(
    model: Any,
    *,
    out: str | Path,
    sample: DataFrame | None = None,
    label: str | None = None,
    contract: Contract | Path | str | None = None,
) -> ModelCard:
    """Make a served model of an XGBoost classifier, write it to `out`, and return its card.

    `model` is an XGBClassifier, a Booster, or the file that `save_model` wrote. `sample` is a frame of readings: for
    bounds, drift and outliers, and with `label`, its column of labels, for the labels' names.

    Raises NotAdoptableError with what is needed, InvalidContractError, UserError where a package is missing, and OSError.
    """
    require("worker", *(() if sample is None else ("training",)))
    from rookery.registry.adoption.adoption import adopt as adopted_of  # noqa: PLC0415  after the check of what it needs

    table = None if sample is None else source_table(sample)
    made = adopted_of(
        _saved(model), name=Path(out).stem, sample=table, label=label, contract=_contract(contract)
    )
    write_atomically(Path(out), made.artifact, sync=False)
    return made.card


def source_table(df: DataFrame) -> SourceTable:
    """Take the columns of a frame as a file would give them, its first row as row 0; the digest is of the values."""
    from rookery.training.tables.source_table import SourceTable  # noqa: PLC0415  training is an extra

    if not isinstance(df, library("pandas").DataFrame):
        raise TypeError(f"a pandas DataFrame is needed, not {type(df).__name__}")
    names = [str(name) for name in df.columns]
    columns = [_cells(df.iloc[:, place]) for place in range(len(names))]
    digest = hashlib.sha256(to_json([names, columns], inf_nan_mode="constants", fallback=str))
    return SourceTable("the frame", names, columns, range(len(df)), digest.hexdigest())


def _cells(column: Any) -> list[Any]:
    plain = column.astype(object)
    cells = plain.where(column.notna(), None).tolist()
    return [each.item() if hasattr(each, "dtype") else each for each in cells]


def _contract(given: Contract | Path | str | None) -> Contract | None:
    from rookery.schemas.contract.contract import Contract  # noqa: PLC0415  with the parts that need it
    from rookery.schemas.contract.source import contract_of  # noqa: PLC0415  the same

    return given if given is None or isinstance(given, Contract) else contract_of(given)


def _saved(model: Any) -> bytes:
    if isinstance(model, str | Path):
        return Path(model).read_bytes()
    if not hasattr(model, "save_model"):
        raise TypeError(f"an XGBoost classifier or its file is needed, not {type(model).__name__}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.ubj"
        model.save_model(path)
        return path.read_bytes()
