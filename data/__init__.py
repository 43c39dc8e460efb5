"""Data: the penguins that come with Rookery (CC0), and the name that the shipped contract and model have after them."""

from __future__ import annotations

from typing import Final

SHIPPED: Final = "penguins"
"""The name of the data set, the contract and the model that answer where no other is named."""

DATASETS: Final = (SHIPPED, "iris", "wine", "breast-cancer")
"""The data sets that the demo can send: the shipped one, and those that scikit-learn holds."""
