"""The covariance flow of infinite width (claims C1-C3 and C7 of the commutation notes)."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import integrate

from theory import commutation, gaussian
from theory.activations import Activation, activation
from theory.commutation import flow

HALF = math.exp(0.5)
GENERAL = ("relu", "abs", "leaky_relu:0.2", "erf", "tanh", "gelu", "elu")
STARTS = ((1.0, 1.0, 0.3), (1.0, 2.0, 0.5), (0.5, 3.0, -1.1))


# --- infinite depth -----------------------------------------------------------------------------


# Taylor series of the equation with 25 digits, ReLU (derivation notes, section 5).
TABLE = [
    (-0.9, 0.5, -0.69423311103886084),
    (-0.9, 1.0, -0.523595037732735246),
    (-0.5, 0.5, -0.359466323711033047),
    (-0.5, 1.0, -0.239062663320146424),
    (0.0, 0.25, 0.038580710344783898),
    (0.0, 0.5, 0.074879083140121979),
    (0.0, 1.0, 0.141347677050048273),
    (0.0, 2.0, 0.25385910129751121),
    (0.0, 10.0, 0.68219983669691114),
    (0.3, 0.5, 0.34348631498945536),
    (0.3, 1.0, 0.382946657082745306),
    (0.6, 0.5, 0.618694687142370563),
    (0.6, 1.0, 0.636091808967431615),
    (0.9, 0.5, 0.902342481020114879),
    (0.9, 1.0, 0.904603344918947842),
]


@pytest.mark.parametrize(("c0", "time", "exact"), TABLE)
def test_correlation_table(c0, time, exact):
    # rounding of arccos and cos: 2 ulp of 1
    assert commutation.correlation(c0, time) == pytest.approx(exact, abs=5e-16)


@pytest.mark.parametrize("c0", [-1, -0.7, 0, 0.3, 0.99])
def test_correlation_by_the_equation(c0):
    """dc/dt = (f(c) - c)/2 as the notes state it, f with arcsin, by mpmath's Taylor method."""

    def slope(_, c):
        f = (c * mpmath.asin(c) + mpmath.sqrt(1 - c * c)) / mpmath.pi + c / 2
        return (f - c) / 2

    with mpmath.workdps(20):
        # (the form with arcsin is not differentiable at -1; a step of the exact series first)
        start = 0.001 if c0 == -1 else 0.0
        c = mpmath.mpf(c0) if start == 0 else mpmath.mpf(commutation.correlation(-1, start))
        exact = float(mpmath.odefun(slope, start, c, tol=mpmath.mpf("1e-16"))(1))
    assert commutation.correlation(c0, 1.0) == pytest.approx(exact, abs=1e-14)


def test_minus_one_is_regular_and_one_is_fixed():
    for h in (1e-3, 1e-5):
        first = (commutation.correlation(-1, h) + 1) / h  # 1/2 + O(sqrt h)
        assert first == pytest.approx(0.5, abs=math.sqrt(h))
    assert commutation.correlation(1, 1e4) == 1
    assert commutation.correlation(1, 3, "tanh") == 1


def test_late_and_close():
    theta = commutation.angle(math.acos(0.3), 100.0)
    assert theta == pytest.approx(0.162076246743298, rel=3e-15)
    assert 2 * math.sin(theta / 2) ** 2 == pytest.approx(0.013105628163535, rel=4e-14)
    close = 2 * math.asin(math.sqrt(0.5e-6))  # 1 - c = 1e-6
    after = 2 * math.sin(commutation.angle(close, 1.0) / 2) ** 2
    assert after == pytest.approx(9.99849964158315e-7, rel=3e-15)
    late = commutation.angle(2.0, 1e6)
    assert 1e12 * 2 * math.sin(late / 2) ** 2 == pytest.approx(18 * math.pi**2, rel=1e-4)


@pytest.mark.parametrize(
    ("c0", "exact"),
    [(0, 0.42020201604363251), (0.3, 0.55824121685134629), (-0.5, 0.22620340842418431)],
)
def test_absolute_value(c0, exact):
    assert commutation.correlation(c0, 1.0, "abs") == pytest.approx(exact, abs=5e-16)
    found = commutation.covariance(2, 2, 2 * c0, 1.0, "abs")
    e = math.e
    assert found == pytest.approx((2 * e, 2 * e, 2 * e * exact), rel=5e-15)


def test_leaky_relu_by_its_equation():
    for name in ("leaky_relu:0.2", "leaky_relu:-0.5", "linear"):

        def slope(_, q, name=name):
            c = q[2] / math.sqrt(q[0] * q[1])
            return [
                gaussian.moment(name, 2, float(q[0])),
                gaussian.moment(name, 2, float(q[1])),
                math.sqrt(q[0] * q[1]) * gaussian.dual(name, float(c)),
            ]

        solved = integrate.solve_ivp(
            slope, (0, 1.5), [1, 2, 0.5], method="DOP853", rtol=1e-12, atol=1e-14
        )
        found = commutation.covariance(1, 2, 0.5, 1.5, name)
        assert found == pytest.approx(solved.y[:, -1].tolist(), rel=1e-10)


def test_erf_and_tanh_tables():
    # section 5 and C5 of the notes; the equations were solved there to the digits printed
    erf = commutation.covariance(1, 1, 0.3, 1.0, "erf")
    assert erf == pytest.approx((1.50444231299186, 1.50444231299186, 0.434288147266093), abs=1e-14)
    tanh = commutation.covariance(1, 1, 0.3, 1.0, "tanh")
    assert tanh == pytest.approx((1.42789992, 1.42789992, 0.41713761), abs=5e-9)
    assert commutation.correlation(0.3, 1.0, "tanh") == pytest.approx(tanh.q_ab / tanh.q_aa)


def test_homogeneous_closed_form_by_the_general_route():
    # Under another name relu is integrated numerically, with duals by series and quadrature.
    relu = activation("relu")
    unknown = Activation("unknown", relu.function, relu.derivative, kinks=(0.0,))
    exact = commutation.covariance(1, 2, 0.5, 0.7)
    assert commutation.covariance(1, 2, 0.5, 0.7, unknown) == pytest.approx(exact, rel=1e-11)
    assert exact[:2] == pytest.approx((math.exp(0.35), 2 * math.exp(0.35)), rel=1e-15)


def test_path_and_its_edges():
    times = [0.0, 0.3, 0.3, 1.0]
    for name in ("relu", "erf"):
        path = commutation.covariance_path(1, 2, 0.5, times, name)
        assert path.shape == (4, 3)
        assert path[0] == pytest.approx([1, 2, 0.5])
        for time, row in zip(times, path, strict=True):
            assert row == pytest.approx(commutation.covariance(1, 2, 0.5, time, name), rel=1e-11)
    assert commutation.covariance_path(1, 1, 0, [], "relu").shape == (0, 3)
    for name in ("relu", "tanh", "abs"):  # equal and zero inputs
        same = commutation.covariance(2, 2, 2, 1.0, name)
        assert same.q_aa == same.q_bb == same.q_ab
        assert commutation.covariance(0, 2, 0, 1.0, name)[::2] == (0, 0)
    # parallel inputs of unequal size stay parallel
    q = commutation.covariance(1, 4, 2, 1.0)
    assert q == pytest.approx((HALF, 4 * HALF, 2 * HALF), rel=1e-15)


# --- finite depth -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "q_aa", "q_ab"),
    [
        (10, 1.6288946267774, 0.61902279079864),
        (100, 1.6466684921165, 0.63008897827592),
        (1000, 1.6485152620838, 0.63124346158352),
    ],
)
def test_finite_depth_table(depth, q_aa, q_ab):
    found = commutation.finite_depth_covariance(1, 1, 0.3, 1.0, depth)
    assert found == pytest.approx((q_aa, q_aa, q_ab), abs=6e-14)  # 1000 roundings, printed digits
    exact = (1 + Fraction(1, 2 * depth)) ** depth
    assert found.q_aa == pytest.approx(float(exact), rel=1e-13)


def test_limit_of_finite_depth():
    limit = commutation.covariance(1, 1, 0.3, 1.0)
    assert limit.q_aa == pytest.approx(1.6487212707001, abs=6e-14)
    assert limit.q_ab == pytest.approx(0.631372299, abs=6e-10)


@pytest.mark.parametrize("name", ["relu", "tanh", "elu"])
def test_depth_correction_by_extrapolation(name):
    q, time = (1.0, 2.0, 0.5), 1.5
    limit = np.array(commutation.covariance(*q, time, name))
    first, second, third = (
        depth * (np.array(commutation.finite_depth_covariance(*q, time, depth, name)) - limit)
        for depth in (40, 80, 160)
    )
    # L (q_L - q) = beta + b/L + c/L^2: two Richardson steps leave O(L^-3) = 1e-6
    once = 2 * second - first, 2 * third - second
    beta = (4 * once[1] - once[0]) / 3
    found = commutation.depth_correction(*q, time, name)
    assert found == pytest.approx(beta.tolist(), abs=2e-6)


def test_depth_correction_relu():
    beta = commutation.depth_correction(1, 1, 0.3, 1.0)
    assert beta.q_ab == pytest.approx(-0.12889, abs=5e-6)  # notes, C3
    assert beta[:2] == pytest.approx((-HALF / 8, -HALF / 8), rel=1e-9)
    # (1 + t/(2L))^L = e^{t/2} (1 - t^2/(8L) + ...)
    assert commutation.depth_correction(1, 1, 0, 3.0).q_aa == pytest.approx(
        -9 / 8 * math.exp(1.5), rel=1e-9
    )


def test_branch_factors_are_a_clock():
    """C7: alpha_l^2 = 2l/L^2 ends at clock 1 + 1/L, and so near q(1), by another path."""
    for depth in (100, 400):
        layers = np.arange(1, depth + 1)
        scales = np.sqrt(2 * layers / depth) / math.sqrt(depth)
        assert commutation.clock(scales) == pytest.approx(1 + 1 / depth, rel=1e-14)
        found = commutation.finite_depth_covariance(1, 1, 0.3, 1.0, depth, scales=scales)
        limit = commutation.covariance(1, 1, 0.3, commutation.clock(scales))
        assert found == pytest.approx(limit, abs=0.5 / depth)
        assert found.q_aa == pytest.approx(
            float(np.prod([1 + a * a / 2 for a in scales])), rel=1e-13
        )
    uniform = [1 / math.sqrt(50)] * 50
    for name in ("relu", "tanh"):
        same = commutation.finite_depth_covariance(1, 2, 0.5, 0.7, 50, name, uniform)
        assert same == pytest.approx(
            commutation.finite_depth_covariance(1, 2, 0.5, 0.7, 50, name), rel=1e-13
        )


def test_other_exponents_are_trivial():
    """C7: gamma = 1 keeps q_0, gamma = 0.4 grows; values of the notes."""
    slow = commutation.finite_depth_covariance(1, 1, 0.3, 1.0, 100, scales=[1 / 100] * 100)
    assert slow.q_aa == pytest.approx(1.00501, abs=5e-6)
    fast = commutation.finite_depth_covariance(1, 1, 0.3, 1.0, 400, scales=[400**-0.4] * 400)
    assert fast.q_aa == pytest.approx(5.2268, abs=5e-5)


# --- the map and its Jacobian -------------------------------------------------------------------


def test_rates_of_relu():
    for aa, bb, ab in STARTS:
        c = ab / math.sqrt(aa * bb)
        f = (c * math.asin(c) + math.sqrt(1 - c * c)) / math.pi + c / 2
        exact = [aa / 2, bb / 2, f * math.sqrt(aa * bb) / 2]
        assert commutation.rates((aa, bb, ab)) == pytest.approx(exact, rel=1e-14)


def test_jacobian_of_relu():
    """The notes' closed form (C5)."""
    for aa, bb, ab in STARTS:
        c = ab / math.sqrt(aa * bb)
        root = math.sqrt(1 - c * c) / (4 * math.pi)
        by = [math.sqrt(bb / aa) * root, math.sqrt(aa / bb) * root]
        exact = [[0.5, 0, 0], [0, 0.5, 0], [*by, 0.25 + math.asin(c) / (2 * math.pi)]]
        np.testing.assert_allclose(commutation.jacobian((aa, bb, ab)), exact, rtol=2e-14)


@pytest.mark.parametrize("name", GENERAL)
@pytest.mark.parametrize("q", STARTS)
def test_jacobian_by_differences(name, q):
    h = 1e-3  # five points: h^4 F'''''/30, and rounding 1e-14 / h
    columns = []
    for unit in np.eye(3):
        at = [commutation.rates(np.array(q) + j * h * unit, name) for j in (-2, -1, 1, 2)]
        columns.append((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h))
    np.testing.assert_allclose(
        commutation.jacobian(q, name), np.array(columns).T, atol=2e-10 if name == "relu" else 2e-9
    )


@pytest.mark.parametrize("name", ["tanh", "gelu"])
def test_jacobian_without_derivatives(name):
    """The notes' form with the score of the Gaussian, by Gauss-Hermite quadrature."""
    aa, bb, ab = 0.5, 0.8, 0.3
    x, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    root = np.linalg.cholesky([[aa, ab], [ab, bb]])
    u = root[0, 0] * x[:, None] + 0 * x
    v = root[1, 0] * x[:, None] + root[1, 1] * x
    inverse = np.linalg.inv([[aa, ab], [ab, bb]])
    act = activation(name)
    product = act(u) * act(v)
    score = inverse[0, 0] * u + inverse[0, 1] * v
    by_aa = weights @ (product * (score**2 - inverse[0, 0])) @ weights / 2
    own = weights @ (act(u) ** 2 * (u**2 - aa)) @ weights / (2 * aa**2)
    found = commutation.jacobian((aa, bb, ab), name)
    assert found[2, 0] == pytest.approx(by_aa, abs=1e-11)
    assert found[0, 0] == pytest.approx(own, abs=1e-11)


@pytest.mark.parametrize("name", [*GENERAL, "selu"])
def test_jacobian_where_the_inputs_are_equal(name):
    """F_ab(q, q, q) = F_aa(q): the last row sums to dF_aa/dq_aa."""
    jacobian = commutation.jacobian((1.3, 1.3, 1.3), name)
    assert jacobian[2].sum() == pytest.approx(jacobian[0, 0], rel=1e-11)


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: commutation.correlation(1.1, 1), "c0 must be between -1 and 1, not 1.1"),
        (lambda: commutation.correlation(math.nan, 1), "c0 must be a finite number, not nan"),
        (lambda: commutation.correlation(0.3, -1), "time must be >= 0, not -1"),
        (lambda: commutation.correlation(0.3, 1, "tanh", 0.0), "q0 must be > 0"),
        (lambda: commutation.covariance(1, 1, 1.1, 1), r"q_ab must be between -1 and 1 = sqrt"),
        (lambda: commutation.covariance(-1, 1, 0, 1), "q_aa must be >= 0, not -1"),
        (lambda: commutation.covariance(1, 1, math.nan, 1), "q_ab must be a finite number"),
        (lambda: commutation.covariance(1e49, 1e49, 0, 5, "hermite:3"), "overflows before time"),
        (lambda: commutation.covariance(1, 1, 0, 1e4), "relu overflows before time 10000"),
        (lambda: commutation.covariance_path(1, 1, 0, [1, 0.5]), "times must not decrease"),
        (lambda: commutation.finite_depth_covariance(1, 1, 0, 1, 0), "depth must be a whole"),
        (
            lambda: commutation.finite_depth_covariance(1, 1, 0, 1, 3, scales=[1, 1]),
            "one factor per layer: 2 for 3",
        ),
        (lambda: commutation.finite_depth_covariance(1, 1, 0, 1e300, 9), "relu overflows at layer"),
        (lambda: commutation.clock([1.0, math.inf]), "scale 2 of 2 must be a finite number"),
        (
            lambda: commutation.finite_depth_covariance(1, 1, 0, 1, 2, "hermite:3", [1e9, 1e30]),
            "hermite:3 overflows at layer",
        ),
        (lambda: commutation.angle(1.0, 1.0, "tanh"), "tanh is not homogeneous"),
        (lambda: commutation.time_between(1.0, 0.5, "linear"), "linear network keeps its angles"),
        (lambda: commutation.jacobian((0, 1, 0)), "the Jacobian needs positive variances, not 0"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_rounding_beyond_the_bound_is_cut():
    q = flow.checked(0.1, 0.3, math.sqrt(0.1 * 0.3) * (1 + 4e-16))
    assert q.q_ab <= math.sqrt(0.1) * math.sqrt(0.3)
    assert commutation.time_between(1.0, commutation.angle(1.0, 2.0, "abs"), "abs") == (
        pytest.approx(2.0, rel=1e-14)
    )
