"""The ridgeless limit for B' < 1 where the derivative jumps, against matrices in mpmath."""

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from theory import ntk_classifiers as ntkc

MPF = mpmath.mpf


def raised(x):
    """ReLU + 1: A != 0, B' < 1 and a kink."""
    return jnp.maximum(x, 0) + 1.0


def raised_kernel(p, q, depth):
    """The NTK of `raised` by the closed forms of ReLU (Cho and Saul), in mpmath."""
    pi, scale = mpmath.pi, MPF(3) / 2 + mpmath.sqrt(2 / mpmath.pi)
    x = mpmath.cos(MPF(float(p)) - MPF(float(q)))
    k = x
    for _ in range(depth):
        theta = mpmath.acos(x)
        slope = (pi - theta) / (2 * pi) / scale
        x = (mpmath.sin(theta) + (pi - theta) * x) / (2 * pi) + 1 + mpmath.sqrt(2 / pi)
        x /= scale
        k = x + k * slope
    return k


@pytest.mark.slow
def test_kriging_of_the_ntk_where_the_derivative_jumps():
    """There the drift is the root of g: K_L(1) - K_L falls like B'^(L/2), not B'^L."""
    activation = ntkc.dual(raised)
    angles, at = (0.10, 0.35, 0.52, 0.80, 1.15, 1.40), 0.42
    train, test = (np.stack([np.cos(x), np.sin(x)], axis=-1) for x in (angles, [at]))
    labels = [1, -1, 1, 1, -1, 1]
    with mpmath.workdps(120):  # B'^40 = 3e-27, and x = 1 - that is not 1
        matrix = mpmath.matrix([[raised_kernel(p, q, 40) for q in angles] for p in angles])
        for i in range(6):  # acos(1)
            matrix[i, i] = mpmath.fsum(
                (MPF(1) / 2 / (MPF(3) / 2 + mpmath.sqrt(2 / mpmath.pi))) ** j for j in range(41)
            )
        weights = mpmath.lu_solve(matrix, mpmath.matrix(labels))
        exact = float(
            sum(raised_kernel(at, q, 40) * w for q, w in zip(angles, weights, strict=True))
        )
    limit = ntkc.kriging(activation, train, labels, test, kind="ntk")[0]
    assert limit == pytest.approx(exact, abs=1e-9)  # B'^20 = 6e-14 apart; D to 1e-11
    for depth in (40, 300):  # where 1 - Sigma is 1e-27 and 1e-199
        found = ntkc.predictor(activation, train, labels, test, depth).values[0]
        assert found == pytest.approx(exact, abs=1e-9)
    assert abs(ntkc.kriging(activation, train, labels, test)[0] - exact) > 0.01  # the NNGP's
    np.testing.assert_allclose(
        ntkc.kriging(activation, train, labels, train, kind="ntk"), labels, rtol=1e-11
    )
