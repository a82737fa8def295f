"""Limits of depth: Koenigs and Boettcher functions, majority votes, kriging, predictors."""

import math

import mpmath
import numpy as np
import pytest

from theory import ntk_classifiers as ntkc

MPF = mpmath.mpf
LOW = [0.5, 0.3, 0.1, 0.1]  # B' = 0.8


def on_circle(*angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def mp_duals():
    """{spec: (D, D', D'(0))} in mpmath."""
    a = MPF(3) / 2
    return {
        "optimal:1": (lambda x: (x + x**7) / 2, lambda x: (1 + 7 * x**6) / 2, MPF(1) / 2),
        "optimal:2": (lambda x: (x + x**3) / 2, lambda x: (1 + 3 * x**2) / 2, MPF(1) / 2),
        "optimal:4": (
            lambda x: (x + 2 * x**2 + x**3) / 4,
            lambda x: (1 + 4 * x + 3 * x**2) / 4,
            MPF(1) / 4,
        ),
        "sine:1.5": (
            lambda x: mpmath.sinh(a * x) / mpmath.sinh(a),
            lambda x: a * mpmath.cosh(a * x) / mpmath.sinh(a),
            a / mpmath.sinh(a),
        ),
    }


def mp_koenigs(dual, slope, rate, x, layers=120):
    """h and h' as a limit and as a product."""
    factor, derivative = MPF(1), MPF(1)
    for _ in range(layers):
        derivative *= slope(x) / rate
        x = dual(x)
        factor /= rate
    return x * factor, derivative


# --- singular kernels (claims C3, C4) -----------------------------------------------------------


@pytest.mark.parametrize("spec", ["optimal:1", "optimal:2", "optimal:4", "sine:1.5"])
def test_koenigs_and_offset_by_mpmath(spec):
    """The offset by its series, c = sum_k a^-k (Sigma_k h'(Sigma_k) - h(Sigma_k))."""
    with mpmath.workdps(40):
        dual, slope, rate = mp_duals()[spec]
        for r in (1.375, 1.0, 0.5, 2.0**-5):
            x = 1 - MPF(r) ** 2 / 2
            h, _ = mp_koenigs(dual, slope, rate, x)
            assert ntkc.koenigs(spec, r) == pytest.approx(float(h), rel=1e-14)
            assert ntkc.koenigs(spec, r, log=True) == pytest.approx(
                float(mpmath.log(h)), rel=1e-14, abs=1e-14
            )
            offset, scale = MPF(0), MPF(1)
            for _ in range(60):
                value, derivative = mp_koenigs(dual, slope, rate, x, 80)
                offset += scale * (x * derivative - value)
                x, scale = dual(x), scale / rate
            error = ntkc.ntk_offset(spec, r) - float(offset)
            assert abs(error) < 4e-14 * float(h + offset)  # 40 layers, a rounding each


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        (
            "optimal:1",
            {
                1.2: 0.280137078256600798,
                1: 0.507950727960483031,
                0.5: 1.35193225589195354,
                0.1: 7.16333456966617448,
                1e-2: 71.8141691291842527,
                1e-4: 7178.12234010401841,
            },
        ),
        (
            "optimal:2",
            {
                1.2: 0.311301104697376547,
                1: 0.713599128288601206,
                0.5: 4.37905818822164338,
                0.1: 120.579282946895628,
                1e-2: 12102.8939504479789,
                1e-4: 121033472.630620806,
            },
        ),
        ("optimal:4", {1: 2.52992737799841593, 0.5: 79.4222423313833635, 0.1: 58230.493205620018}),
        ("optimal:8", {1: 45.6094629080778807, 0.5: 35565.1802583630517}),
        (
            "sine:2.676",
            {1: 0.721294342942307965, 0.5: 4.48149947319206072, 0.1: 123.835757908713319},
        ),
    ],
)
def test_koenigs_values_of_the_sheet(spec, values):
    """Rounding of r alone makes alpha roundings."""
    found = ntkc.koenigs(spec, np.array(list(values)))
    np.testing.assert_allclose(found, list(values.values()), rtol=2e-14)


def test_offset_values_of_the_sheet():
    assert ntkc.ntk_offset("optimal:1", 0.5) == pytest.approx(4.49532211355188, rel=1e-14)
    np.testing.assert_allclose(
        ntkc.ntk_offset("optimal:2", np.array([1, 0.5, 0.1])),
        [0.826268531016299, 52.7701148200922, 47472.3584097829],
        rtol=4e-14,
    )
    assert ntkc.ntk_offset("optimal:4", 0.5) == pytest.approx(2106.85664033963, rel=1e-14)


def test_functional_equation():
    """h(D(x)) = a h(x), at distances made of gaps: D(x) > 1e-3 is rounded to 1e-16."""
    for spec in ("optimal:3", "tanh", "erf", "sine:20"):
        dual, r = ntkc.dual(spec), np.array([0.05, 0.3, 0.7])
        following = np.sqrt(2 * dual.gap(r * r / 2))
        np.testing.assert_allclose(
            ntkc.koenigs(spec, following), dual.slope**2 * ntkc.koenigs(spec, r), rtol=1e-11
        )


def test_kernels_approach_their_limits():
    """NNGP geometrically; NTK with c/(L h), so that slopes over depth are exact early."""
    spec, r, a = "optimal:2", np.array([0.3, 0.8]), 0.5
    h = ntkc.koenigs(spec, r)
    np.testing.assert_allclose(ntkc.nngp(spec, r, 30) / a**30, h, rtol=1e-12)
    scaled = {depth: ntkc.ntk(spec, r, depth) / a**depth for depth in (40, 80)}
    np.testing.assert_allclose((scaled[80] - scaled[40]) / 40, h, rtol=1e-12)
    np.testing.assert_allclose(scaled[80] - 81 * h, ntkc.ntk_offset(spec, r), rtol=1e-11)
    assert (scaled[80] > 1.02 * 81 * h).all()


def test_ntk_offset_at_small_distances():
    """c/h -> alpha B'/((B' - 1) r^2) up to the ripple: exponent alpha + 2 at practical depth."""
    for spec, factor, ripple in (
        ("optimal:2", 4, 1e-5),
        ("optimal:4", 8, 1e-4),
        ("optimal:1", 4 / 3, 1e-2),
    ):
        ratio = ntkc.ntk_offset(spec, 1e-4) / ntkc.koenigs(spec, 1e-4)
        assert ratio * 1e-8 == pytest.approx(factor, rel=ripple)
    logs = ntkc.ntk("optimal:2", np.array([2e-3, 1e-3]), 100, log=True)
    assert (logs[1] - logs[0]) / math.log(2) == pytest.approx(4, abs=1e-2)


@pytest.mark.parametrize(
    ("spec", "mean", "low", "high"),
    [
        ("optimal:1", 0.71778658607937, 0.717294403, 0.718278781),
        ("optimal:2", 1.2103347912629, 1.2103347275, 1.2103348550),
        ("optimal:3", 2.7073505133456, 2.7073503547, 2.7073506720),
        ("optimal:4", 5.8596412277655, 5.8596406105, 5.8596418450),
        ("optimal:8", 184.01970872228, 183.97293113, 184.06648652),
        ("optimal:16", 2051425.822, 2017881.854, 2084968.440),
        ("sine:6.135393035897202728661", 3.8403788844, 3.7454256520, 3.9358100177),
        ("sine:13.82584580528150534860", 122.9598003, 80.00196706, 172.07852681),
        ("sine:31.83952243949783091969", 1795194.95, 101900.5407, 5258482.487),
    ],
)
def test_log_periodic_ripple(spec, mean, low, high):
    found = ntkc.ripple(spec)
    assert found[1:] == pytest.approx((mean, low, high), rel=1e-9)
    assert found.period == pytest.approx(math.log(ntkc.dual(spec).chaos) / 2)
    # periodic: one period lower the same, within its O(r^2)
    assert ntkc.ripple(spec, 1e-9 * math.exp(-found.period)) == pytest.approx(found, rel=1e-10)


def test_koenigs_kernel_from_the_table():
    r = np.exp(np.linspace(math.log(1e-14), math.log(1.4142), 5003))
    for spec in ("optimal:1", "sine:13.8", "erf"):
        error = ntkc.koenigs_kernel(spec)(r) - ntkc.koenigs(spec, r, log=True)
        assert np.abs(error).max() < 1e-9
    ends = ntkc.koenigs_kernel("erf")(np.array([0.0, math.sqrt(2)]))
    assert ends.tolist() == [math.inf, -math.inf]


def test_koenigs_ends():
    assert ntkc.koenigs("optimal:2", 0.0) == math.inf
    assert ntkc.koenigs("optimal:2", 2.0) == -math.inf
    far = 2 * math.sin((math.pi - 0.9) / 2)  # angle pi - 0.9
    assert ntkc.koenigs("optimal:2", far) == pytest.approx(
        -ntkc.koenigs("optimal:2", 2 * math.sin(0.45)), rel=1e-14
    )
    assert ntkc.koenigs("optimal:4", far) < 0  # no parity
    assert ntkc.koenigs("optimal:2", 1e-200, log=True) == math.inf  # counts as 0
    assert ntkc.koenigs("optimal:200", 2.0) == math.inf  # D(-1) = 1 - 2^-98 rounds to 1


# --- nearest neighbour (claim C5) ---------------------------------------------------------------


def test_bottcher():
    spec, r = [0, 0, 0.5, 0.5], np.array([0.3, 0.5, 1.0])
    sheet = [0.141187576376248, 0.320001473443713, 1.13529534353902]
    np.testing.assert_allclose(-ntkc.nngp(spec, r, 8, log=True) / 2**8, sheet, rtol=1e-14)
    # deep enough only log(1/2)/2^8 of D's leading coefficient is missing
    np.testing.assert_allclose(
        ntkc.bottcher(spec, r), np.array(sheet) + math.log(2) / 2**8, rtol=1e-12
    )
    np.testing.assert_allclose(ntkc.bottcher("hermite:3", r), -np.log(1 - r * r / 2), rtol=1e-14)
    assert ntkc.bottcher(spec, 0.0) == 0
    assert ntkc.bottcher(spec, math.nextafter(2, 0)) > 0


def test_nearest_neighbour_votes():
    """At the depth the margin asks for the NNGP predictor is 1-NN, in logarithms."""
    rng = np.random.default_rng(5)
    angles = rng.uniform(0, math.pi / 2, 60)
    labels = rng.choice([-1, 1], 60)
    test = rng.uniform(0, math.pi / 2, 300)
    spec, train, where = [0, 0, 0.5, 0.5], on_circle(*angles), on_circle(*test)
    found = ntkc.predictor(spec, train, labels, where, 30, kind="nngp")
    nearest = labels[np.argmin(np.abs(test[:, None] - angles), axis=1)]
    margin = np.sort(ntkc.bottcher(spec, ntkc.distances(where, train)), axis=1)
    clear = 2.0**30 * (margin[:, 1] - margin[:, 0]) > math.log(120) + 20
    assert clear.mean() > 0.9
    assert (np.sign(found.values) == nearest)[clear].all()


# --- majority votes (claim C6) ------------------------------------------------------------------


def test_fixed_point():
    found = ntkc.fixed_point([0.2, 0.2, 0, 0.6])
    # 0.6 (x^3 - x) - 0.2 (x - 1) = 0.2 (x - 1)(3 x^2 + 3 x - 1)
    c = (-3 + math.sqrt(21)) / 6
    slope = 0.2 + 1.8 * c * c
    assert found == pytest.approx((c, slope, c / (1 - slope)), rel=2e-15)
    assert found == pytest.approx(
        (0.263762615825973, 0.325227291513248, 0.390891054882004), rel=2e-15
    )
    assert ntkc.ntk([0.2, 0.2, 0, 0.6], 0.3, 200) == pytest.approx(found.tangent, rel=1e-14)
    near = ntkc.fixed_point([0.3, 0.3999, 0.3001])  # B' = 1.0001; 0.3001 (1 - x)^2 = 1e-4 (1 - x)
    assert near.value == pytest.approx(1 - 1e-4 / 0.3001, rel=1e-12)
    for spec in ("gelu", "silu"):
        c = ntkc.fixed_point(spec).value
        assert ntkc.dual(spec)(c) == pytest.approx(c, rel=1e-14)


def test_critical_ratio():
    assert ntkc.critical_ratio("relu") == ntkc.critical_ratio("leaky_relu:0.3") == 1 / 4
    assert ntkc.critical_ratio([1, 1, 1]) == 1 / 3
    for spec, tolerance in (("relu", 0.01), ([1, 1, 1], 0.01)):
        assert ntkc.ntk(spec, 1.0, 4000) / 4001 == pytest.approx(
            ntkc.critical_ratio(spec), rel=tolerance
        )
    # ReLU: K_L = (L + 1)/4 + (3/8) log L + O(1), with 3 pi/(4 r) in it at 1/L << r << 1
    k = ntkc.ntk("relu", np.array([1.0, 0.1, 0.01]), 10_000)
    np.testing.assert_allclose(k[:-1] - k[1:], [-20.26, -211.07], atol=5e-3)
    slope = (k[0] - ntkc.ntk("relu", 1.0, 5000) - 1250) / math.log(2)
    assert slope == pytest.approx(3 / 8, rel=1e-2)  # O(log L/L)


def test_critical_vote():
    """5 points at distances of at least 0.2: the vote up to 3 pi/(r L)."""
    train, labels = on_circle(0.1, 0.5, 0.9, 1.2, 1.5), [1, 1, -1, 1, 1]
    found = ntkc.predictor("relu", train, labels, on_circle(0.3, 0.7), 10_000)
    np.testing.assert_allclose(found.values, ntkc.critical_vote("relu", labels), rtol=2e-2)


WORKED = on_circle(0.10, 0.35, 0.52, 0.80, 1.15, 1.40), [1, -1, 1, 1, -1, 1], on_circle(0.42)


def test_drift_by_mpmath():
    with mpmath.workdps(80):
        for r in (0.01, 0.5, 1.25, 1.75):
            delta = MPF(r) ** 2 / 2
            for _ in range(300):  # to delta = 1e-29; the rest of the product is 1 to 1e-28
                x = 1 - delta
                delta = 1 - (5 + 3 * x + x**2 + x**3) / 10
            exact = delta / MPF("0.8") ** 300
            assert ntkc.drift(LOW, r) == pytest.approx(float(exact), rel=2e-14)


def test_kriging_is_the_ridgeless_limit():
    train, labels, test = WORKED
    limit = ntkc.kriging(LOW, train, labels, test)[0]
    assert limit == pytest.approx(-0.27692284401829, rel=1e-12)
    for depth, exact in ((100, -0.27890785979439), (400, -0.27742034739784)):
        found = ntkc.predictor(LOW, train, labels, test, depth)
        assert found.values[0] == pytest.approx(exact, rel=1e-11)
    geometric = ntkc.predictor(LOW, train, labels, test, 150, kind="nngp").values[0]
    assert geometric == pytest.approx(limit, rel=1e-11)
    np.testing.assert_allclose(ntkc.kriging(LOW, train, labels, train), labels, rtol=1e-11)


def test_predictor_by_mpmath_matrices():
    """K_L(x, X) K_L(X, X)^-1 y at 120 digits, B' below and above 1 and singular."""
    train, labels, test = WORKED
    for spec, depth in ((LOW, 60), ([0.2, 0.2, 0, 0.6], 9), ([0, 0.5, 0, 0.5], 12)):
        with mpmath.workdps(120):
            c = [MPF(str(v)) for v in spec]

            def kernel(p, q, c=c, depth=depth):
                x = sum(MPF(float(a)) * MPF(float(b)) for a, b in zip(p, q, strict=True))
                x /= mpmath.sqrt(sum(MPF(float(a)) ** 2 for a in p))
                x /= mpmath.sqrt(sum(MPF(float(a)) ** 2 for a in q))
                k = x
                for _ in range(depth):
                    slope = sum(j * v * x ** (j - 1) for j, v in enumerate(c) if j)
                    x = sum(v * x**j for j, v in enumerate(c))
                    k = x + k * slope
                return k

            matrix = mpmath.matrix([[kernel(p, q) for q in train] for p in train])
            weights = mpmath.lu_solve(matrix, mpmath.matrix(labels))
            exact = sum(kernel(test[0], q) * w for q, w in zip(train, weights, strict=True))
        found = ntkc.predictor(spec, train, labels, test, depth)
        value = found.values[0] * math.exp(found.log_scale[0])
        assert value == pytest.approx(float(exact), rel=1e-9)


def test_ridge_makes_it_a_vote():
    train, labels, test = WORKED
    exact = 5 * 2 / (1e-3 + 6 * 5)
    assert ntkc.ridge_vote(LOW, labels, 1e-3) == pytest.approx(exact, rel=1e-14)
    found = ntkc.predictor(LOW, train, labels, test, 400, ridge=1e-3)
    assert found.values[0] == pytest.approx(0.333322222593, rel=1e-11)
    assert found.values[0] == pytest.approx(exact, rel=1e-11)
    doubled = np.concatenate([train, train])  # duplicates are no trouble with a ridge
    assert np.isfinite(ntkc.predictor(LOW, doubled, labels * 2, test, 9, ridge=1e-3).values).all()


# --- finite depth against the limit (claim C7) --------------------------------------------------


def singular_data(seed=17):
    rng = np.random.default_rng(seed)
    t = rng.uniform(0.02, 0.98, (2, 150))
    points = [np.stack([np.sqrt(v), np.sqrt(1 - v)], axis=1) for v in t]
    return points[0], np.where(rng.uniform(size=150) < t[0], 1, -1), points[1]


def test_deep_predictors_vote_with_the_koenigs_kernel():
    train, labels, test = singular_data()
    r = ntkc.distances(test, train)
    logs = ntkc.koenigs("optimal:1", r, log=True)
    vote = np.sign(np.exp(logs - logs.max(axis=1)[:, None]) @ labels)
    needed = ntkc.depth_needed(150, 1, "optimal:1")
    assert needed.layers == math.ceil(math.log2(1500 * ntkc.koenigs("optimal:1", 1 / 150**2)))
    found = ntkc.predictor("optimal:1", train, labels, test, 60, kind="nngp")
    assert (np.sign(found.values) == vote).all()
    assert found.condition < 1.1
    table = ntkc.hilbert_vote(test, train, labels, ntkc.koenigs_kernel("optimal:1"))
    assert (np.sign(table.score) == vote).all()
    # the NTK of practical depth is the r^-3 vote
    cubic = np.sign((1 / r**3) @ labels)
    tangent = np.sign(ntkc.predictor("optimal:1", train, labels, test, 40).values)
    assert np.mean(tangent == cubic) > 0.98
    assert np.mean(vote == cubic) < 0.98


def test_depths_needed():
    shallow, deep = (ntkc.depth_needed(n, 2, "optimal:2").layers for n in (100, 10_000))
    assert deep - shallow == pytest.approx(3 * math.log2(100), abs=1.1)  # 3 log n/log(1/a)
    assert ntkc.depth_needed(100, 2, "optimal:2", kernel="ntk").layers == pytest.approx(
        4 * 100 / 0.1,
        rel=0.02,  # c/h = 4/r^2 at r = n^(-1/2)
    )
    relu = ntkc.depth_needed(100, 1, "relu").layers
    # 3 pi max(n, 1/r_min)/e
    assert relu == pytest.approx(3 * math.pi * 1e4 / 0.1, rel=1e-3)
    assert 4 <= ntkc.depth_needed(100, 1, "hermite:2").layers <= 30
    for kernel in ("ntk", "nngp"):
        for spec in ([0.2, 0.2, 0, 0.6], LOW):
            more, less = (ntkc.depth_needed(n, 2, spec, kernel=kernel).layers for n in (1000, 100))
            assert more > less >= 1


def test_majority_at_the_depth_needed():
    train, _, test = singular_data()
    labels = np.where(np.arange(150) % 5 < 3, 1, -1)  # 90 to 60
    spec = [0.2, 0.2, 0, 0.6]
    closest = np.concatenate(
        [ntkc.distances(train)[np.triu_indices(150, 1)], ntkc.distances(test, train).ravel()]
    ).min()
    depth = ntkc.depth_needed(150, 1, spec, kernel="ntk").layers
    depth += math.ceil(2 * math.log2(max(1, 150**-2 / closest)))  # this sample's closest pair
    found = ntkc.predictor(spec, train, labels, test, depth).values
    assert (found > 0).all()
    shallow = ntkc.predictor(spec, train, labels, test, depth // 3).values
    assert (shallow < 0).any()


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ntkc.koenigs("relu", 0.5), "relu has A = .* needs A = 0"),
        (lambda: ntkc.koenigs("linear", 0.5), "linear is linear"),
        (lambda: ntkc.koenigs("sin", 1.9, log=True), "h is negative at r = 1.9"),
        (lambda: ntkc.koenigs("sin", math.nan), "distances r must be between"),
        (lambda: ntkc.koenigs([0, 1, 1e-9], 0.5), "too near linear"),
        (lambda: ntkc.bottcher("sin", 0.5), "G needs both to be 0"),
        (lambda: ntkc.ripple("sin", 2.0), "r must be between 0 and 1"),
        (lambda: ntkc.koenigs_kernel("sin")(np.array([1.5])), "distances r must be between 0 and"),
        (lambda: ntkc.fixed_point("sin"), "sin has A = 0"),
        (lambda: ntkc.fixed_point("relu"), "c < 1 needs B' > 1"),
        (lambda: ntkc.critical_ratio("gelu"), "needs B' = 1"),
        (lambda: ntkc.drift("relu", 0.5), "needs B' < 1"),
        (lambda: ntkc.ridge_vote(LOW, [1, -1], 0), "use kriging"),
        (lambda: ntkc.kriging(LOW, [[1.0, 0]], [0.5], [[1.0, 0]]), "label 0 is 0.5"),
        (lambda: ntkc.kriging(LOW, [[1.0, 0]] * 2, [1, 1], [[1.0, 0]]), "points 0 and 1 coincide"),
        (lambda: ntkc.kriging(LOW, [[1.0, 0]], [1, 1], [[1.0, 0]]), "1 training points and 2"),
        (
            lambda: ntkc.predictor("optimal:1", *singular_data(), 5),
            r"condition number .* take another depth",
        ),
        (lambda: ntkc.predictor("relu", *WORKED, 2, kind="nn"), "kind must be"),
        (lambda: ntkc.predictor("relu", WORKED[0], [[1]], WORKED[2], 2), "vector of"),
        (lambda: ntkc.predictor("relu", WORKED[0], ["a"], WORKED[2], 2), "labels must be numbers"),
        (lambda: ntkc.depth_needed(0, 1, "relu"), "n must be a whole number"),
        (lambda: ntkc.depth_needed(9, 1, "linear", kernel="ntk"), "linear is linear"),
        (lambda: ntkc.depth_needed(9, 0, "relu"), "d must be > 0"),
        (lambda: ntkc.depth_needed(9, 1, "relu", tolerance=2), "tolerance must be between"),
        (lambda: ntkc.depth_needed(9, 1, "relu", kernel="x"), "kind must be"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
