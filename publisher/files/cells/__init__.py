"""Cells: the text of a cell as the value of a field."""
