"""Clusters: the normal distribution of each label's measurements, which every pattern of present ones can be whitened by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rookery.schemas.artifact import Cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS_PER_FEATURE: Final = 5
"""Readings of a label for each measurement from which the label has a covariance of its own; all labels share one below."""

LEAST_VARIANCE: Final = 1e-4
"""The least variance in any direction, in variances of the measurements over all labels: nothing is singular then."""

_DIGITS: Final = 9


def varying(measured: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which measurements (readings, measurements) have two different values at least; a constant one measures nothing."""
    known = np.where(np.isnan(measured), np.inf, measured), np.where(np.isnan(measured), -np.inf, measured)
    different: NDArray[np.bool_] = known[0].min(axis=0) < known[1].max(axis=0)
    return different


def clusters(measured: NDArray[np.float64], labels: NDArray[np.intp]) -> tuple[Cluster, ...]:
    """Describe varying measurements (readings, measurements), NaN for missing, of each label that occurs."""
    centre = np.nanmean(measured, axis=0)
    scale = np.nanstd(measured, axis=0)
    white = (measured - centre) / scale
    present = ~np.isnan(white)
    filled = np.where(present, white, 0.0)
    known = np.unique(labels)
    # Without a value of a measurement, a label has the mean of all.
    means = np.array([filled[labels == each].sum(axis=0) for each in known])
    means /= np.maximum([present[labels == each].sum(axis=0) for each in known], 1)
    apart = np.where(present, white - means[np.searchsorted(known, labels)], 0.0)
    shared = _regular(_covariance(apart, present, len(known)))
    found = []
    for label, mean in zip(known, means, strict=True):
        own = labels == label
        enough = present[own].all(axis=1).sum() >= ROWS_PER_FEATURE * measured.shape[1]
        covariance = _regular(_covariance(apart[own], present[own], 1)) if enough else shared
        found.append(_cluster(mean * scale + centre, covariance * np.outer(scale, scale)))
    return tuple(found)


def _covariance(apart: NDArray[np.float64], present: NDArray[np.bool_], means: int) -> NDArray[np.float64]:
    """The covariance of each pair of measurements over the readings that have both, distances from their means being given."""
    both = present.T.astype(np.float64) @ present
    covariance: NDArray[np.float64] = apart.T @ apart / np.maximum(both - means, 1)
    return covariance


def _regular(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The covariance with a variance of LEAST_VARIANCE at least in each direction."""
    try:
        # Ten times faster than asking for all variances.
        np.linalg.cholesky(covariance - LEAST_VARIANCE * np.eye(len(covariance)))
    except np.linalg.LinAlgError:
        sizes, directions = np.linalg.eigh(covariance)
    else:
        return covariance
    regular: NDArray[np.float64] = (directions * np.maximum(sizes, LEAST_VARIANCE)) @ directions.T
    return (regular + regular.T) / 2


def _cluster(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> Cluster:
    return Cluster(mean=_rounded(mean), covariance=tuple(map(_rounded, covariance)))


def _rounded(numbers: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{each:.{_DIGITS}g}") for each in numbers.tolist())
