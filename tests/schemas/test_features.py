"""The one feature order, the same from readings and from columns."""

from __future__ import annotations

import numpy as np

from rookery.schemas.reading import Reading
from rookery.schemas.testing import ReadingFactory
from tests.shipped import FEATURES, columns_matrix, matrix, missing


def test_readings_are_encoded_in_the_one_order_with_categories_as_positions() -> None:
    """Each feature stands in its column; a category is its position in the list of words."""
    reading = Reading(
        bill_length_mm=39.5,
        bill_depth_mm=18,
        flipper_length_mm=181,
        body_mass_g=3750,
        year=2007,
        sex="male",
        island="Dream",
    )
    assert dict(zip(FEATURES, matrix([reading])[0].tolist(), strict=True)) == {
        "bill_length_mm": 39.5,
        "bill_depth_mm": 18.0,
        "flipper_length_mm": 181.0,
        "body_mass_g": 3750.0,
        "year": 2007.0,
        "sex": 1.0,
        "island": 1.0,
    }


def test_what_is_missing_is_nan_and_can_be_named() -> None:
    """A missing value is NaN for the model, and its name is in the prediction."""
    row = matrix([Reading(bill_length_mm=40, year=2007)])[0].tolist()
    assert missing(row) == ("bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "island")


def test_columns_and_rows_encode_to_the_same_matrix() -> None:
    """A penguin is the same to the model however it travelled."""
    table = ReadingFactory(4).table(30)
    rows = matrix(table.row(row) for row in range(table.rows))
    columns = columns_matrix(table.__dict__, table.rows)
    assert columns.dtype == np.float32
    np.testing.assert_array_equal(rows, columns)


def test_absent_columns_and_null_cells_are_nan() -> None:
    """A column that was left out is missing in every row."""
    columns = columns_matrix({"bill_length_mm": [40.0, None], "sex": [None, "female"]}, 2)
    np.testing.assert_array_equal(columns[:, 0], [40.0, np.nan])
    np.testing.assert_array_equal(columns[:, FEATURES.index("sex")], [np.nan, 0.0])
    assert np.isnan(columns[:, FEATURES.index("island")]).all()


def test_no_readings_make_an_empty_matrix_of_the_right_width() -> None:
    """Nothing to classify still has its columns."""
    assert matrix([]).shape == (0, len(FEATURES))
