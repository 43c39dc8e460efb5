"""Distances: how far readings are from the clusters, computed plainly; the worker has the fast way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray  # noqa: TC002  a named tuple reads its annotations

from rookery.training.tables.data import columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rookery.schemas.artifact import Cluster, OutlierRule
    from rookery.schemas.contract.contract import Contract

CLOSE: Final = 1e-3
"""The share of a limit by which a distance in single precision may be off."""


class ClusterArrays(NamedTuple):
    """Clusters as arrays: means (clusters, measurements) and covariances (clusters, measurements, measurements)."""

    means: NDArray[np.float64]
    covariances: NDArray[np.float64]


def arrays_of(clusters: Sequence[Cluster]) -> ClusterArrays:
    """The arrays of some clusters."""
    return ClusterArrays(
        np.array([each.mean for each in clusters]), np.array([each.covariance for each in clusters])
    )


def distances(
    measured: NDArray[np.float64], clusters: ClusterArrays, columns: Sequence[int]
) -> NDArray[np.float64]:
    """Return each reading's smallest squared distance to a cluster, by some columns only; NaN where it lacks one of them."""
    chosen = np.array(columns)
    factors = np.linalg.cholesky(clusters.covariances[:, chosen[:, None], chosen])
    apart = measured[:, chosen].T - clusters.means[:, chosen, None]
    with np.errstate(over="ignore", invalid="ignore"):
        squared = (np.linalg.solve(factors, apart) ** 2).sum(axis=1)
    nearest: NDArray[np.float64] = squared.min(axis=0)
    return nearest


def excess(rows: NDArray[np.float32], rule: OutlierRule, contract: Contract) -> NDArray[np.float64]:
    """The squared distance of rows (n, features) as a share of their limit; infinite where it is no number."""
    measured = columns_of(contract, rows, rule.features)
    found = np.full(len(rows), np.inf)
    present = ~np.isnan(measured)
    clusters = arrays_of(rule.clusters)
    for row in range(len(rows)):
        columns = np.flatnonzero(present[row])
        if len(columns):
            apart = distances(measured[row, None], clusters, columns.tolist())[0]
            found[row] = apart / rule.limits[len(columns)] if np.isfinite(apart) else np.inf
    return found
