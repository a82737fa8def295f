"""The Galerkin engine: its basis and operators, its two discretisations, its stated errors."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, linalg, special

from theory import depth_limit
from theory.depth_limit import bosons, galerkin, large_width, two_slopes, width_two

# --- one coordinate -------------------------------------------------------------------------------


def test_orbitals_are_orthonormal_and_continuous_functions_of_one_coordinate():
    one = bosons.orbitals(6, 0.1)
    density = math.sqrt(2 / math.pi) * np.exp(-(one.z**2) / 2)
    weights = one.values[0] / density  # e_0 = 1, so these are the quadrature weights in z
    f = one.values / (density * weights)
    gram = (f * density * weights) @ f.T
    same = one.odd[:, None] == one.odd
    assert np.allclose(gram[same], np.eye(13)[same], atol=1e-12)
    assert np.all(np.abs(f[one.odd, 0]) < 0.01)  # odd ones vanish at 0, near the first node


def test_one_coordinate_matrices_against_adaptive_quadrature():
    c = 0.3
    one = bosons.orbitals(1, c)
    norm = math.sqrt(2 / math.pi)

    def half_line(function):
        return integrate.quad(
            lambda z: function(z) * norm * math.exp(-z * z / 2), 0, 40, epsabs=1e-12, limit=200
        )[0]

    def u(z):
        return math.log1p(z / c)

    mean, square = half_line(u), half_line(lambda z: u(z) ** 2)
    spread = math.sqrt(square - mean**2)
    functions = [
        lambda z: 1.0,
        lambda z: (u(z) - mean) / spread,
        lambda z: u(z) / math.sqrt(square),
    ]
    for (a, f), (b, g) in itertools.product(enumerate(functions), repeat=2):
        expected = half_line(lambda z, f=f, g=g: f(z) * g(z) * z * z) / 2
        assert one.square[a, b] == pytest.approx(expected, abs=1e-10)
    slope = half_line(lambda z: 1 / (c + z) ** 2)
    assert one.gradient[1, 1] == pytest.approx(slope / spread**2, rel=1e-10)
    assert one.gradient[2, 2] == pytest.approx(slope / square, rel=1e-10)
    assert one.gradient[1, 2] == 0
    assert one.positive == pytest.approx([0.5, 0, mean / math.sqrt(square) / 2], abs=1e-12)


# --- n identical particles ------------------------------------------------------------------------


def literal_symmetric(width, level, scale, matrix):
    """The sum over coordinates of `matrix`, by the full tensor basis, on symmetric states.

    Tensors over all n-tuples of orbitals; nothing is shared with the occupation-number code.
    """
    one = bosons.orbitals(level, scale)
    basis = bosons.basis(width, level, scale)
    count = len(one.level)
    vectors = []
    for state in basis.states:
        tensor = np.zeros((count,) * width)
        filled = (*state, *(0,) * (width - len(state)))
        for arrangement in set(itertools.permutations(filled)):
            tensor[arrangement] = 1
        vectors.append(tensor.ravel() / np.linalg.norm(tensor))
    total = np.zeros((count**width,) * 2)
    for i in range(width):
        factors = [np.eye(count)] * width
        factors[i] = matrix
        product = factors[0]
        for factor in factors[1:]:
            product = np.kron(product, factor)
        total += product
    stacked = np.array(vectors)
    return stacked @ total @ stacked.T


@pytest.mark.parametrize(("width", "level"), [(2, 3), (3, 2)])
def test_operators_against_the_full_tensor_product(width, level):
    basis = bosons.basis(width, level, 0.2)
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(2 * level + 1,) * 2)
    matrix += matrix.T
    literal = literal_symmetric(width, level, 0.2, matrix)
    assert np.allclose(basis.dense(matrix), literal, atol=1e-12)
    x = rng.normal(size=len(basis.states))
    assert np.allclose(basis.operator(matrix)(x), literal @ x, atol=1e-12)


def test_sums_and_products_of_one_coordinate_functions():
    """Parseval for an F within the span of the orbitals."""
    basis = bosons.basis(3, 3, 0.2)
    one = np.zeros(7)
    one[[0, 1, 4]] = 0.6, 0.48, 0.64  # F = .6 e_0 + .48 e_1 + .64 o_1, |F| = 1
    assert np.sum(basis.product_of(one) ** 2) == pytest.approx(1, rel=1e-12)
    # |F_1 + F_2 + F_3|^2 = 3 |F|^2 + 6 <1, F>^2
    assert np.sum(basis.sum_of(one) ** 2) == pytest.approx(3 + 6 * 0.36, rel=1e-12)


# --- evolution ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "level"), [(2, 10), (3, 8), (5, 6)])
def test_both_eigen_methods_against_the_matrix_exponential(width, level):
    basis = bosons.basis(width, level, 0.1)
    square, form = basis.orbitals.square, basis.dense(basis.orbitals.gradient)
    generator = form @ basis.dense(square) / (2 * width)
    start, frozen, observables = galerkin._vectors(basis)
    for vector in (start, frozen):
        dense = galerkin.dense_modes(basis, square, vector, observables)
        krylov = galerkin.lanczos_modes(basis, square, vector, observables, 600)
        for time in (0.0, 0.3, 1.0, 2.0):
            exact = observables @ linalg.expm(-generator * time) @ vector
            assert [m.at(time) for m in dense] == pytest.approx(exact, abs=1e-9)
            assert [m.at(time) for m in krylov] == pytest.approx(exact, abs=1e-7)


def test_the_filled_form_solves_its_differential_equation():
    counts = galerkin.counts(3, 8, 0.1)
    basis = bosons.basis(3, 8, 0.1)
    start, frozen, observables = galerkin._vectors(basis)
    generator = basis.dense(basis.orbitals.gradient) @ basis.dense(basis.orbitals.square) / 6
    size = len(start)
    system = np.zeros((size + 1, size + 1))  # (h, e^{t/n})
    system[:size, :size], system[:size, size], system[size, size] = -generator, frozen / 3, 1 / 3
    for time in (0.25, 1.0):
        h = (linalg.expm(system * time) @ np.append(start, 1.0))[:size]
        assert counts.filled_at(time) == pytest.approx(observables[0] @ h, abs=1e-8)
    integral = integrate.quad(counts.filled_at, 0, 1.0, epsabs=1e-11)[0]
    assert counts.filled_integral(1.0) == pytest.approx(integral, abs=1e-9)


def test_regression_values_of_the_filled_form():
    # Notes on claim C15: E[A_s | N_0 > 0] at s = .25, .5, .75, 1 of the same discretisation.
    known = {
        (2, 10): (1.3289301313, 1.3220744920, 1.3143165889, 1.3062114028),
        (3, 10): (1.7086448349, 1.6996551253, 1.6893300049, 1.6783612723),
        (6, 8): (3.0405866895, 3.0290938796, 3.0157230468, 3.0013355051),
    }
    for (width, level), values in known.items():
        counts = galerkin.counts(width, level, 0.1)
        found = [counts.filled_at(s) for s in (0.25, 0.5, 0.75, 1.0)]
        assert found == pytest.approx(values, abs=2e-9)


@pytest.mark.parametrize("time", [0.01, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0, 24.0])
def test_width_two_is_within_the_stated_error_of_the_differential_equation(time):
    count, total = galerkin.active_count(2, time), galerkin.active_integral(2, time)
    assert abs(count.value - width_two.active_count_two(time)) <= count.error
    integral = 4 * width_two.log_ratio_two(time) + 2 * time
    assert abs(total.value - integral) <= total.error
    assert count.error < 1e-5 or time > 2


@pytest.mark.slow
def test_width_two_to_eight_digits():
    """Levels 26 and 32, extrapolated with the observed rate level^-4."""
    counts = [galerkin.counts(2, level, 0.05) for level in (26, 32)]
    weight = 1 / ((32 / 26) ** 4 - 1)
    for time in (0.1, 0.25, 0.5, 1.0):
        low, high = (c.filled_at(time) for c in counts)
        assert high + weight * (high - low) == pytest.approx(
            width_two.active_count_two(time), abs=1e-8
        )
    for time in (0.1, 0.25, 0.5, 1.0, 2.0):
        low, high = (c.filled_integral(time) / 4 - time / 2 for c in counts)
        assert high + weight * (high - low) == pytest.approx(
            width_two.log_ratio_two(time), abs=1e-8
        )


@pytest.mark.parametrize("width", [3, 4, 6])
def test_finer_bases_stay_within_the_stated_error(width):
    """Another scale and a higher level than the prediction uses."""
    level = {3: 20, 4: 17, 6: 15}[width]
    fine = galerkin.counts(width, level, 0.07)
    for time in (0.05, 0.25, 1.0, 2.0):
        stated = galerkin.active_count(width, time)
        low, high = sorted((fine.filled_at(time), 1 + fine.bare.at(time)))
        assert low - 4e-6 <= stated.value + stated.error
        assert stated.value - stated.error <= high + 4e-6
        assert stated.error < 1e-5


@pytest.mark.slow
def test_stated_error_is_below_1e_5_up_to_time_two_at_every_width():
    for width in (2, 3, 5, 10, 17, 30, 31, 45, 200, 10**5):
        for time in (1e-3, 0.1, 1.0, 2.0):
            assert depth_limit.active_count(width, time).error < 1e-5
            assert depth_limit.log_ratio(width, time).error < 1e-5


@pytest.mark.slow
def test_wide_networks_follow_the_large_width_expansion():
    # Notes on claim C16: a2 to 5e-6 (10 % more for its rounding), a3 to 3 %.
    for time, a2, a3 in (
        (0.25, -0.011111, -0.0043),
        (1.0, -0.083812, -0.0367),
        (2.0, -0.164702, -0.359),
    ):
        found = depth_limit.width_expansion(time)
        assert found.a == large_width.activity_deficit(time)
        assert found.a2 == pytest.approx(a2, abs=6e-6)
        assert found.a3 == pytest.approx(a3, rel=0.05)
    direct = galerkin.active_count(45, 1.0)
    interpolated = depth_limit.active_count(45, 1.0)
    assert "interpolation" in interpolated.method
    assert interpolated.value == pytest.approx(direct.value, abs=5e-7)


def test_wrong_generators_are_far_away():
    """Mutants of the method: nu from z^2 on both sides, and the clock twice as fast."""
    basis = bosons.basis(3, 10, 0.1)
    start, frozen, observables = galerkin._vectors(basis)
    one = basis.orbitals
    both_sides = np.where(one.odd[:, None] == one.odd, 2 * one.square, 0)
    for square in (both_sides, 2 * one.square):
        bare = galerkin.dense_modes(basis, square, start - frozen, observables[1:])[0]
        assert abs(1 + bare.at(1.0) - depth_limit.active_count(3, 1.0).value) > 0.01


# --- long horizons --------------------------------------------------------------------------------


def test_zeros_at_width_four():
    """Notes on claim C15: the rate vanishes at 2.7837(1), its integral at 5.704(3)."""
    for time in (2.7837 - 0.02, 2.7837 + 0.02):
        count = depth_limit.active_count(4, time)
        assert abs(count.value - 2) > count.error
        assert (count.value > 2) == (time < 2.7837)
    for time in (5.704 - 0.1, 5.704 + 0.1):
        ratio = depth_limit.log_ratio(4, time)
        assert abs(ratio.value) > ratio.error
        assert (ratio.value > 0) == (time < 5.704)


# --- two slopes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "slope", "true", "noise"),
    # Monte Carlo of the notes (claim C17 iii), horizon 1; noise is one standard error.
    [
        (3, 0.18, 0.001272, 77e-6),
        (3, 0.2, 0.006201, 78e-6),
        (3, 0.3, 0.030102, 76e-6),
        (3, 0.5, 0.074046, 67e-6),
        (2, 0.2, -0.07421, 120e-6),
        (2, 0.5, -0.02609, 110e-6),
    ],
)
def test_two_slopes_against_monte_carlo(width, slope, true, noise):
    found = depth_limit.log_ratio(width, 1.0, slope)
    assert found.error < 5e-5
    assert abs(found.value - true) <= found.error + 4 * noise


@pytest.mark.parametrize(("width", "slope"), [(2, 0.4), (3, 0.1), (3, 0.7), (5, 0.5)])
def test_two_slopes_leave_time_zero_at_the_known_rate(width, slope):
    rate = depth_limit.log_norm_rate_at_zero(width, f"leaky_relu:{slope}")
    time = 1e-4
    # The rate moves by about t^{3/2}; the relative error of the basis is below 1e-4 of 1.
    evolutions = two_slopes._evolutions(width, slope)
    assert evolutions[0].log_ratio(width, time) / time == pytest.approx(rate, abs=5e-5)


@pytest.mark.parametrize("width", [2, 3, 4, 6])
@pytest.mark.parametrize("time", [1.0, 8.0, 60.0])
def test_two_slopes_of_equal_size_are_within_the_stated_error_of_the_exact_law(width, time):
    """|x| and x: the log ratio has mean (1/2 - 1/n) t exactly (claim C17 i)."""
    count = two_slopes.active_count(width, time, 1.0)
    ratio = two_slopes.log_ratio(width, time, 1.0)
    assert abs(count.value - width / 2) <= count.error
    assert abs(ratio.value - (0.5 - 1 / width) * time) <= ratio.error
    assert depth_limit.log_ratio(width, time, -1.0).value == (0.5 - 1 / width) * time


def test_vanishing_slopes_are_within_the_stated_error_of_relu():
    """Without condition: the starts with no active neuron stay near where they are."""
    alive = 1 - 0.5**3
    relu_count, relu_ratio = (
        alive * f(3, 1.0).value for f in (depth_limit.active_count, depth_limit.log_ratio)
    )
    for slope in (1e-3, 1e-9, 1e-100):
        count = depth_limit.active_count(3, 1.0, slope)
        ratio = depth_limit.log_ratio(3, 1.0, slope)
        # The quantities themselves move by about the slope.
        assert abs(count.value - relu_count) <= count.error + slope
        assert abs(ratio.value - relu_ratio) <= ratio.error + slope
        assert ratio.error < 0.01


def test_only_the_square_of_the_slope_matters_and_larger_ones_run_a_faster_clock():
    assert depth_limit.log_ratio(3, 0.5, -0.3) == depth_limit.log_ratio(3, 0.5, 0.3)
    # slope 2 on the left: the mirror image of slope 1/2 at four times the time.
    assert depth_limit.log_ratio(3, 0.25, 2.0) == depth_limit.log_ratio(3, 1.0, 0.5)
    left, right = depth_limit.active_count(3, 0.25, 2.0), depth_limit.active_count(3, 1.0, 0.5)
    assert left.value + right.value == pytest.approx(3, rel=1e-15)
    assert depth_limit.log_ratio(1, 2.0, 0.5).value == pytest.approx(-1.25 * 2 / 4)
    assert depth_limit.active_count(1, 2.0, 0.5).value == 0.5


@pytest.mark.slow
def test_two_slopes_at_large_width():
    """Claim C17 (v): the deficit of E[A] tends to ((1-a^2)/(1+a^2)) (theta - sin cos)/pi."""
    a, time = 0.5, 1.0
    theta = math.acos(math.exp(-(1 + a * a) * time / 4))
    limit = (1 - a * a) / (1 + a * a) * (theta - math.sin(theta) * math.cos(theta)) / math.pi
    assert depth_limit.two_slope_activity_deficit(a, time) == pytest.approx(limit, rel=1e-12)
    deficits = [n / 2 - depth_limit.active_count(n, time, a).value for n in (20, 40, 80)]
    # Quadratic in 1/n through the three; the count at n = 80 is known to about 3e-5.
    extrapolated = np.polynomial.polynomial.polyfit([1 / 20, 1 / 40, 1 / 80], deficits, 2)[0]
    assert extrapolated == pytest.approx(limit, abs=2e-4)


def test_long_run_rate_of_two_slopes():
    """Between times 8 and 16 the mean log norm already grows at the ergodic rate (C17 iv)."""
    for width, slope in ((3, 0.5), (4, 0.5)):
        early, late = (two_slopes._evolutions(width, slope)[0].log_ratio(width, t) for t in (8, 16))
        assert (late - early) / 8 == pytest.approx(
            depth_limit.long_run_rate(width, slope), abs=4e-3
        )


def test_mean_log_energy_at_time_zero():
    """<log nu, .> against the digamma mean of log |Z|^2, through the quadrature in log x."""
    # E[log nu h] for h = nu/n at a = 1: E[|Z|^2 log |Z|^2]/n - E log|Z|^2 = 2/n (chi-square).
    basis = bosons.basis(4, 12, 0.1)
    one = basis.orbitals
    mirrored = np.where(one.odd[:, None] == one.odd, one.square, -one.square)
    start = np.zeros(len(basis.states))
    start[0] = 1
    energy = basis.operator(one.square + mirrored)(start)
    found = two_slopes._log_energy(basis, 1.0) @ energy / 4
    assert found == pytest.approx(special.digamma(3) - special.digamma(2), abs=1e-5)


@pytest.mark.parametrize("slope", [math.nan, math.inf, "steep"])
def test_bad_slope(slope):
    with pytest.raises(ValueError, match=r"^slope must be a finite number, not "):
        depth_limit.log_ratio(3, 1.0, slope)
