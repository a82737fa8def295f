r"""How fast a kernel learns: ridgeless regression on Gaussian fields, three ways.

A student kernel interpolates n noiseless values of a Gaussian random field whose covariance is a
teacher kernel, at points uniform on the multisphere; eps is the mean squared error, averaged over
the field.  A teacher that depends on one meta-patch of level l is `patch_sizes[:l]`: on an input
of more patches its kernel is the mean over the meta-patches, which has the same eps on average
as each of them.

    asymptotic    eps ~ n^-beta,
                  beta = min(2 nu_T (1 + 2 nu_S/d_eff(L))/(2 nu_S + d_eff(l)), 2 alpha),
                  alpha = 1 + 2 nu_S/d_eff(L)                               `learning_exponent`
    equivalent    sum Lambda_S/(Lambda_S + t) = n,  gamma = sum (Lambda_S/(Lambda_S + t))^2/n,
                  eps = sum Lambda_T (t/(Lambda_S + t))^2/(1 - gamma)       `learning_curve`
    exact         eps = mean_x[K_T(x, x) - 2 w.k_T(x) + w.K_T w],  w = K_S^-1 k_S(x),
                  for one design: no teacher is drawn                `error_given_design`

The origin of beta: the student learns the modes with Lambda_S > t ~ n^-alpha, on the meta-patch up
to degree t^(-1/(2 nu_S + d_eff(l))), and misses the teacher's power beyond.  At sizes that can be
simulated the local slopes are off beta by up to 0.1.  The equivalent is a statement about
Gaussian features, here a good approximation: between 0.75 and 1.1 of the exact error (measured at
64 <= n <= 2048, L = 2, s_2 = 2).
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from theory._checks import nonnegative, whole
from theory.conv_kernels._network import (
    SMOOTHNESS,
    Array,
    checked_kind,
    checked_level,
    checked_sizes,
    effective_dimension,
)
from theory.conv_kernels.kernels import gram, points
from theory.conv_kernels.spectra import Spectrum

_ROWS = 1024
"""Test points held at a time."""


def learning_exponent(
    patch_sizes: Sequence[int],
    student: str | float,
    teacher: str | float,
    level: int | None = None,
) -> float:
    """beta of a teacher on one meta-patch of this level (by default the top).

    Student and teacher by kind, or by nu, half the degree of the singularity of their kernel.  At
    the top beta is 2 nu_T/d_eff(L), the curse of dimensionality.  The cap 2 alpha, the most that
    a ridgeless student gains from any teacher, binds for nu_T > 2 nu_S + d_eff(l) only.
    """
    sizes = checked_sizes(patch_sizes)
    level = len(sizes) if level is None else checked_level(level, sizes)
    smooth, target = (2 * _smoothness(kind) for kind in (student, teacher))
    rank = 1 + smooth / effective_dimension(len(sizes), sizes)
    return min(target * rank / (smooth + effective_dimension(level, sizes)), 2 * rank)


class LearningCurve(NamedTuple):
    """The deterministic equivalent at each n, arrays."""

    error: Array
    """eps, in units of the teacher's variance as its kernel states it."""
    threshold: Array
    """t: modes with larger eigenvalues are learnt."""
    overfitting: Array
    """gamma, between 0 and 1."""
    edge: Array
    """Share of n or of eps, the larger, of labels beyond half the largest: the grid's effect."""


def learning_curve(student: Spectrum, teacher: Spectrum, samples: npt.ArrayLike) -> LearningCurve:
    """Deterministic equivalent of ridgeless regression, from two spectra on one grid.

    A finite grid adds the modes beyond it to those on it.  Where `edge` exceeds about 0.1 take a
    finer grid: for p = 2 and 2048 points a side, n up to about 2000.  Raises ValueError where n is
    not below the number of modes that the student has.
    """
    if student.values.shape != teacher.values.shape:
        raise ValueError(
            "student and teacher must be spectra of one grid, not "
            f"{student.values.shape} and {teacher.values.shape}; pass equal `size` and `inputs`."
        )
    for name, found in (("student", student), ("teacher", teacher)):
        if not (np.isfinite(found.values).all() and found.values.max() > 0):
            raise ValueError(f"the {name}'s eigenvalues must be finite, and some of them > 0.")
    sizes = np.atleast_1d(np.asarray(samples))
    labels = [np.arange(side) for side in student.values.shape]
    outer = functools.reduce(np.maximum.outer, labels) > labels[0][-1] // 2
    own, power = np.maximum(student.values, 0.0), np.maximum(teacher.values, 0.0)
    rows = [_equivalent(own, power, student.multiplicities, outer, n) for n in sizes.tolist()]
    return LearningCurve(*np.array(rows).reshape(-1, 4).T)


def error_given_design(
    design: npt.ArrayLike,
    test: npt.ArrayLike,
    student: tuple[Sequence[int], str],
    teacher: tuple[Sequence[int], str],
    ridge: float = 0.0,
) -> float:
    """Mean over the test points of the exact expected squared error, given the design.

    `student`, `teacher`: (patch_sizes, kind).  Points as in `gram`.  `ridge` is added to the
    diagonal of K_S.  Raises ValueError where K_S is not positive definite in double precision:
    repeated points, or very many of them; a ridge of 1e-12 helps.
    """
    import scipy.linalg

    sizes = checked_sizes(student[0])
    x, z = points(design, sizes, "design"), points(test, sizes, "test")
    if not len(x) or not len(z):
        raise ValueError("design and test must hold at least one point each.")
    inner = gram(x, x, *student)
    inner[np.diag_indices_from(inner)] += nonnegative(ridge, "ridge")
    try:
        factor = scipy.linalg.cho_factor(inner, lower=True, overwrite_a=True)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"the student's matrix of the {len(x)} design points is not positive definite in "
            "double precision: drop repeated points, or pass ridge=1e-12."
        ) from None
    between = gram(x, x, *teacher)
    own, total = float(gram(z[:1], z[:1], *teacher)[0, 0]), 0.0
    for start in range(0, len(z), _ROWS):
        block = z[start : start + _ROWS]
        weights = scipy.linalg.cho_solve(factor, gram(x, block, *student))
        total += float(np.sum(weights * (between @ weights - 2 * gram(x, block, *teacher))))
    return own + total / len(z)


def _smoothness(kind: str | float) -> float:
    if isinstance(kind, str):
        return SMOOTHNESS[checked_kind(kind)]
    nu = nonnegative(kind, "nu")
    if nu == 0:
        raise ValueError(f"nu must be > 0, not {kind!r}.")
    return nu


def _equivalent(own: Array, power: Array, copies: Array, outer: Array, samples: Any) -> list[float]:
    import scipy.optimize

    n, modes = whole(samples, "samples"), int(copies[own > 0].sum())
    if n >= modes:
        raise ValueError(f"samples must be below {modes}, the modes on this grid, not {samples!r}.")

    def excess(log_t: float) -> float:
        return float(np.sum(copies * (own / (own + math.exp(log_t))))) - n

    # sum Lambda/(Lambda + t) <= sum Lambda/t = n at the upper end.
    high = math.log(float((copies * own).sum()) / n)
    low = high - 5
    while excess(low) < 0:
        low -= 5
    t = math.exp(scipy.optimize.brentq(excess, low, high + 1e-9, xtol=1e-13, rtol=1e-14))
    learnt = own / (own + t)
    gamma = float(np.sum(copies * learnt**2)) / n
    missed = copies * power * (t / (own + t)) ** 2
    parts = [float(part[outer].sum() / part.sum()) for part in (copies * learnt, missed)]
    return [float(missed.sum()) / (1 - gamma), t, gamma, max(parts)]
