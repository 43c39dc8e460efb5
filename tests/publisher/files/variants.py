"""The known penguins as they were published elsewhere: the same penguins under other names, spellings and signs."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PENGUINS: Final = Path(__file__).parents[3] / "data" / "penguins.csv"
Penguin = dict[str, str]

_FULL: Final = {
    "Adelie": "Adelie Penguin (Pygoscelis adeliae)",
    "Chinstrap": "Chinstrap penguin (Pygoscelis antarctica)",
    "Gentoo": "Gentoo penguin (Pygoscelis papua)",
}


def penguins() -> list[Penguin]:
    with PENGUINS.open() as file:
        return list(csv.DictReader(file))


def _written(rows: list[Penguin], delimiter: str = ",", end: str = "\n") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _renamed(**names: str) -> list[Penguin]:
    return [{names.get(name, name): cell for name, cell in penguin.items()} for penguin in penguins()]


def _culmen(penguin: Penguin) -> Penguin:
    return {name.replace("bill_", "culmen_"): cell for name, cell in penguin.items() if name != "year"}


def _raw(penguin: Penguin, number: int, date: str) -> Penguin:
    return {
        "studyName": "PAL0708",
        "Sample Number": str(number),
        "Species": _FULL[penguin["species"]],
        "Region": "Anvers",
        "Island": penguin["island"],
        "Stage": "Adult, 1 Egg Stage",
        "Individual ID": f"N{number}A1",
        "Clutch Completion": "Yes",
        "Date Egg": date.format(year=penguin["year"], short=penguin["year"][2:]),
        "Culmen Length (mm)": penguin["bill_length_mm"],
        "Culmen Depth (mm)": penguin["bill_depth_mm"],
        "Flipper Length (mm)": penguin["flipper_length_mm"],
        "Body Mass (g)": penguin["body_mass_g"],
        "Sex": penguin["sex"].upper(),
        "Delta 15 N (o/oo)": "8.94956",
        "Delta 13 C (o/oo)": "-24.69454",
        "Comments": 'Not enough blood, "isotopes" missing.',
    }


def _raw_file(date: str) -> bytes:
    return _written([_raw(penguin, number, date) for number, penguin in enumerate(penguins(), 1)]).encode()


def _r_builtin() -> bytes:
    names = {"bill_length_mm": "bill_len", "bill_depth_mm": "bill_dep",
             "flipper_length_mm": "flipper_len", "body_mass_g": "body_mass"}  # fmt: skip
    rows = [{"": str(number), **penguin} for number, penguin in enumerate(_renamed(**names), 1)]
    return _written(rows).encode()


def _r_write_table(delimiter: str) -> bytes:
    """As `write.table(penguins, "penguins.csv", sep=",")` writes it: rows have names, and their column has none."""
    numbers = {"bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"}
    lines = [delimiter.join(f'"{name}"' for name in penguins()[0])]
    for number, penguin in enumerate(penguins(), 1):
        cells = [cell if name in numbers or cell == "NA" else f'"{cell}"' for name, cell in penguin.items()]
        lines.append(delimiter.join([f'"{number}"', *cells]))
    return ("\n".join(lines) + "\n").encode()


def _r_unquoted() -> bytes:
    return _r_write_table(",").replace(b'"', b"")


def _kaggle(gap: str) -> bytes:
    rows = [
        {
            name: gap if cell == "NA" else cell.upper() if name == "sex" else cell
            for name, cell in _culmen(penguin).items()
        }
        for penguin in penguins()
    ]
    return _written(rows).encode()


def _arff() -> bytes:
    """As OpenML keeps it: nominal attributes, `?` for missing,."""
    rows = [
        {name: "?" if cell == "NA" else cell for name, cell in _culmen(penguin).items()}
        for penguin in penguins()
    ]
    nominal = {"species", "island", "sex"}
    values = {name: ",".join(sorted({row[name] for row in rows} - {"?"})) for name in nominal}
    attributes = [
        f"@ATTRIBUTE {name} {f'{{{values[name]}}}' if name in nominal else 'NUMERIC'}" for name in rows[0]
    ]
    lines = [
        "% Palmer penguins",
        "@RELATION penguins",
        "",
        *attributes,
        "",
        "@DATA",
        *(",".join(row.values()) for row in rows),
    ]
    return ("\n".join(lines) + "\n").encode()


def _seaborn() -> bytes:
    rows = [
        {
            name: "" if cell == "NA" else cell.capitalize() if name == "sex" else cell
            for name, cell in penguin.items()
            if name != "year"
        }
        for penguin in penguins()
    ]
    return _written(rows).encode()


def _pandas() -> bytes:
    rows = [
        {
            name: "" if cell == "NA" else f"{cell}.0" if cell.isdigit() else cell
            for name, cell in penguin.items()
        }
        for penguin in penguins()
    ]
    return _written(rows).encode()


def _spreadsheet() -> bytes:
    rows = [{name: cell.replace(".", ",") for name, cell in penguin.items()} for penguin in penguins()]
    return b"\xef\xbb\xbf" + _written(rows, delimiter=";", end="\r\n").encode()


def _latin_1() -> bytes:
    rows = [
        {**penguin, "species": penguin["species"].replace("Adelie", "Adélie"), "Zähler": "ø"}
        for penguin in penguins()
    ]
    return _written(rows, delimiter="\t").encode("latin-1")


def _shouted() -> bytes:
    rows = [
        {f" {name.upper()} ": f" {cell.upper()} " for name, cell in reversed(penguin.items())}
        for penguin in penguins()
    ]
    return _written(rows).encode()


VARIANTS: Final[dict[str, Callable[[], bytes]]] = {
    "palmerpenguins": PENGUINS.read_bytes,
    "penguins-raw": lambda: _raw_file("{year}-11-11"),
    "penguins_lter, American days": lambda: _raw_file("11/16/{short}"),
    "R's own penguins": _r_builtin,
    "R's write.table with commas": lambda: _r_write_table(","),
    "R's write.table with tabs": lambda: _r_write_table("\t"),
    "R's write.table without quotes": _r_unquoted,
    "Kaggle": lambda: _kaggle("."),
    "OpenML": lambda: _kaggle("?"),
    "OpenML's ARFF": _arff,
    "seaborn": _seaborn,
    "written by pandas": _pandas,
    "spreadsheet: BOM, semicolons, decimal commas, CRLF": _spreadsheet,
    "Latin-1 with tabs": _latin_1,
    "capitals, spaces, another order": _shouted,
    "nan": lambda: PENGUINS.read_bytes().replace(b"NA", b"nan"),
}
