"""Pre-activation norm, tangents, determinant (claims C20, C21), and the symbolic proofs."""

import math
from dataclasses import replace
from functools import partial

import mpmath
import numpy as np
import pytest
import sympy
from scipy import integrate, special

from theory.activations import activation
from theory.depth_limit import pre_norm, rates, symbolic


def normal(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def mean_ratio_by_tensor_quadrature(function, n, q=1.0, count=60):
    x, w = np.polynomial.legendre.leggauss(count)
    g = np.concatenate([-(1 + x) * 3.75, (1 + x) * 3.75])
    w = np.tile(w * 3.75, 2) * normal(g)
    f = function(math.sqrt(q) * g) ** 2
    shapes = [tuple(-1 if i == j else 1 for j in range(n)) for i in range(n)]
    weights = math.prod(w.reshape(s) for s in shapes)
    ratio = sum(f.reshape(s) for s in shapes) / sum(q * g.reshape(s) ** 2 for s in shapes)
    return float((weights * ratio).sum() / weights.sum())


@pytest.mark.parametrize("width", [1, 3])
def test_pre_norm_rate_by_tensor_quadrature(width):
    for name in ("relu", "tanh", "gelu", "leaky_relu:-2"):
        ratio = mean_ratio_by_tensor_quadrature(activation(name), width, 0.7)
        value = pre_norm.pre_norm_rate_at_zero(width, name, 0.7)
        assert value == pytest.approx((width - 2) / (2 * width) * ratio, abs=3e-7)


def test_pre_norm_rates():
    for n in (1, 2, 3, 10):
        assert pre_norm.pre_norm_rate_at_zero(n) == pytest.approx((n - 2) / (4 * n), abs=1e-16)
        assert pre_norm.tangent_rate_at_zero(n) == pytest.approx((n - 2) / (4 * n), abs=1e-15)
        alive = 1 - 2.0**-n
        for rate in (pre_norm.pre_norm_rate_at_zero, pre_norm.tangent_rate_at_zero):
            assert rate(n, given_alive=True) == pytest.approx(rate(n) / alive, rel=1e-15)
        assert rates.alive_probability(n, activation("silu"), 1.0) == 1
    assert pre_norm.pre_norm_rate_at_zero(2, "tanh") == 0
    hidden = replace(activation("relu"), homogeneous=False)
    value = pre_norm.pre_norm_rate_at_zero(3, hidden, given_alive=True)
    assert value == pytest.approx(2 / 21, rel=1e-12)
    square = integrate.quad(lambda x: normal(x) / np.cosh(x) ** 4, -12, 12)[0]
    assert pre_norm.tangent_rate_at_zero(4, "tanh") == pytest.approx(square / 4, rel=1e-12)


def test_pre_norm_of_an_activation_that_is_not_zero_at_zero():
    """phi = 1: X is a Brownian motion of variance 1 + t, so E log|X_t| grows by 1/2 t, n >= 2."""
    one = activation("hermite:0")
    for n in (2, 3, 4, 50):
        assert pre_norm.pre_norm_rate_at_zero(n, one, 2.0) == pytest.approx(1 / 4, rel=1e-9)
    with pytest.raises(ValueError, match="infinite, because hermite:0 is 1 at 0"):
        pre_norm.pre_norm_rate_at_zero(1, one)


def test_log_determinant():
    value = pre_norm.log_determinant(2, 1.0)
    # (1/2n) int E[A]: E[A] = (3/4) E[A|c], trapezium rule over the table of width 2 (notes, C8).
    table = [4 / 3, 1.32893828762, 1.32208847402, 1.31436319714, 1.30626511296]
    integral = integrate.simpson(table, dx=0.25) * 3 / 4
    assert value.value == pytest.approx(-integral / 4, abs=2e-5)
    assert value.error < 1e-8
    assert pre_norm.log_determinant(1, 3.0).value == pytest.approx(-3 / 4, rel=1e-15)
    assert pre_norm.log_determinant(3, 0.0).value == 0


def test_lyapunov_exponents_sum_to_the_determinant():
    for n in (1, 2, 7):
        exponents = pre_norm.lyapunov_exponents(n)
        assert sum(exponents) == pytest.approx(-1 / 2)
        assert exponents[0] == (n - 2) / (2 * n)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 9, 60])
@pytest.mark.parametrize("ratio", [0.02, 1.0, 30.0, 3000.0])
def test_one_layer_growth_by_the_poisson_mixture(width, ratio):
    """E log|y + sigma z|^2/(2 sigma^2) = E psi(n/2 + J), J ~ Poisson(ratio), at 30 digits."""
    with mpmath.workdps(30):
        x, j = mpmath.mpf(ratio), max(0, int(ratio - 14 * math.sqrt(ratio)))
        last, mean = int(ratio + 14 * math.sqrt(ratio)) + 40, mpmath.mpf(0)
        weight = mpmath.exp(j * mpmath.log(x) - x - mpmath.loggamma(j + 1))
        digamma = mpmath.digamma(mpmath.mpf(width) / 2 + j)
        while j <= last:
            mean += weight * digamma
            digamma += 1 / (mpmath.mpf(width) / 2 + j)
            j += 1
            weight *= x / j
        exact = float((mean - mpmath.log(x)) / 2)
    # The sum leaves out 14 standard deviations, e^-98 at worst
    assert pre_norm.one_layer_log_growth(width, ratio) == pytest.approx(exact, rel=1e-11, abs=1e-20)


def test_linear_network_is_a_sum_of_independent_layers():
    """C17 (i): at slopes 1, 1 a layer multiplies |Y| by an independent factor; (n-2)/(2n) t."""
    for n in (1, 3, 6):
        total = 10**5 * pre_norm.one_layer_log_growth(n, n * 10**5 / 2)
        assert total == pytest.approx((n - 2) / (2 * n), rel=1e-4)
    assert pre_norm.one_layer_log_growth(3, 1e250) == pytest.approx(1 / 4e250, rel=1e-12)
    # Concentration: |y + sigma z|^2/(2 sigma^2) = ratio + n/2 up to a relative O(1/ratio).
    wide = pre_norm.one_layer_log_growth(10**9, 1e12)
    assert wide == pytest.approx(math.log1p(5e-4) / 2, rel=1e-8)


def test_log_norm_bias_bound():
    assert pre_norm.log_norm_bias_bound(8) == pytest.approx(4 * special.exp1(8), rel=1e-13)
    assert pre_norm.log_norm_bias_bound(8) == pytest.approx(1.5e-4, rel=0.01)
    assert 0 < pre_norm.log_norm_bias_bound(64) < 1e-28
    assert pre_norm.log_norm_bias_bound(8, 2.0) == pytest.approx(4 * special.exp1(4), rel=1e-13)
    assert pre_norm.log_norm_bias_bound(8, 0.0) == 0
    with pytest.raises(ValueError, match="ratio must be > 0, not 0"):
        pre_norm.one_layer_log_growth(3, 0)


# --- symbolic -------------------------------------------------------------------------------------

PROOFS = [
    (symbolic.two_slope_log_drift, -1, ("-1/2", 0)),
    (symbolic.smooth_log_drift, -1, ("-1/2", 1)),
    (partial(symbolic.smooth_log_drift, -1), "1/2", (0, 1)),
    (symbolic.smooth_log_bracket, -1, (-2, 0)),
    (symbolic.equal_slopes_log_drift, -1, (-2,)),
    (symbolic.radial_log_drift, -2, (-1, -4)),
    (symbolic.radial_log_bracket, -1, (-2,)),
    (symbolic.one_layer_growth, 1, ("1/2", 2)),
    (partial(symbolic.determinant_log_drift, 1), "-1/2", (-1, "1/2")),
    (partial(symbolic.determinant_log_drift, 3), "-1/2", (-1, "1/2")),
    (symbolic.determinant_log_drift_any, "-1/2", (-1, "1/2")),
    (symbolic.stationary_drift, "-1/2", (-1, "1/2")),
    (symbolic.stationary_symmetry, "1/2", (1,)),
    (symbolic.stationary_clock, 1, ("1/2", 2)),
]


@pytest.mark.parametrize(("proof", "true", "false"), PROOFS)
def test_proof_accepts_the_truth_and_refutes_mutants(proof, true, false):
    assert proof(true) == 0
    for constant in false:
        residual = proof(constant)
        assert isinstance(residual, sympy.Expr)
        assert residual != 0
