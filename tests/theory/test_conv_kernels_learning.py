"""Learning curves: exponents, the deterministic equivalent, and the exact error of a design."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from theory import conv_kernels

Net = tuple[tuple[int, ...], str]
FULL = (2, 2)
ONE = (2,)
SAMPLES = [64, 128, 256, 512, 1024, 2048]
CURVES = [
    ((FULL, "ntk"), "ntk", [0.2914, 0.1909, 0.1287, 0.0880, 0.0606, 0.0419]),
    ((FULL, "rfk"), "ntk", [9.34e-3, 3.35e-3, 1.216e-3, 4.36e-4, 1.54e-4, 5.36e-5]),
    ((ONE, "ntk"), "ntk", [0.05628, 0.03319, 0.01985, 0.01186, 0.00703, 0.00414]),
    ((FULL, "ntk"), "rfk", [0.3624, 0.2433, 0.1670, 0.1154, 0.0800, 0.0556]),
    ((ONE, "ntk"), "rfk", [0.0716, 0.0453, 0.0290, 0.0186, 0.0119, 0.00765]),
]
"""Teacher, student of patch sizes (2, 2), and the deterministic equivalent, from the notes."""


def test_exponents_of_the_notes() -> None:
    beta = conv_kernels.learning_exponent
    assert beta((2, 2), "ntk", "ntk") == 0.5
    assert beta((2, 2), "ntk", "rfk") == 1.5
    assert beta((2, 2), "ntk", "ntk", 1) == pytest.approx(0.75, rel=1e-15)
    assert beta((2, 2), "rfk", "ntk") == pytest.approx(0.5, rel=1e-15)
    assert beta((2, 2), "rfk", "ntk", 1) == pytest.approx(0.625, rel=1e-15)
    assert [beta((2, 2, 2), "ntk", "ntk", level) for level in (3, 2, 1)] == pytest.approx(
        [0.25, 5 / 12, 0.625], rel=1e-15
    )


def test_exponents_between_curse_and_cap() -> None:
    deep = (2,) * 12
    known = 2 * 0.5 / 4
    found = conv_kernels.learning_exponent(deep, "ntk", "ntk", 3)
    assert 1 / 2**11 < found < known
    assert found == pytest.approx(1 / (1 + 4), rel=1e-3)
    # 2 nu_T = 3 on a circle, student 2 nu_S = 1 in 16 dimensions: 1.59 < 2 alpha = 2.125.
    wide = (2, 16)
    assert conv_kernels.learning_exponent(wide, "ntk", "rfk", 1) == pytest.approx(1.5 * 17 / 16)
    # The cap: a teacher too smooth for the student.
    assert conv_kernels.learning_exponent(wide, 0.5, 1.99, 1) == pytest.approx(1.99 * 17 / 16)
    assert conv_kernels.learning_exponent(wide, "ntk", 2.01, 1) == 2 * 17 / 16


def curve(teacher: Net, student: str, samples: list[int], size: int) -> conv_kernels.LearningCurve:
    return conv_kernels.learning_curve(
        conv_kernels.spectrum(FULL, student, size, 2),
        conv_kernels.spectrum(*teacher, size, 2),
        samples,
    )


def check_curve(found: conv_kernels.LearningCurve, printed: list[float]) -> None:
    # The notes print three or four digits and do not correct for the grid either.
    assert found.error == pytest.approx(printed, rel=5e-3)
    assert np.all(np.diff(found.threshold) < 0)
    assert np.all((found.overfitting > 0) & (found.overfitting < 1))


@pytest.mark.parametrize(("teacher", "student", "printed"), CURVES)
def test_deterministic_equivalent(teacher: Net, student: str, printed: list[float]) -> None:
    found = curve(teacher, student, SAMPLES[:3], 1024)
    check_curve(found, printed[:3])
    assert np.all(found.edge < 0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("teacher", "student", "printed"), CURVES)
def test_deterministic_equivalent_on_a_fine_grid(
    teacher: Net, student: str, printed: list[float]
) -> None:
    check_curve(curve(teacher, student, SAMPLES, 2048), printed)


def test_equivalent_of_equal_eigenvalues() -> None:
    # m equal modes: 1/(1 + t) = n/m = gamma, eps = (1 - n/m)^2/(1 - n/m).
    flat = conv_kernels.Spectrum(np.full((9, 9), 0.5), np.full((9, 9), 4.0))
    found = conv_kernels.learning_curve(flat, flat, [1, 81, 243])
    share = np.array([1, 81, 243]) / 324
    assert found.overfitting == pytest.approx(share, rel=1e-10)
    assert found.error == pytest.approx(0.5 * 324 * (1 - share), rel=1e-10)
    assert found.edge == pytest.approx([56 / 81] * 3, rel=1e-10)


def test_mean_over_meta_patches_is_one_of_them() -> None:
    # Their labels are permutations, so the student's threshold meets the same eigenvalues.
    student = conv_kernels.spectrum(FULL, "ntk", 64)
    both = conv_kernels.spectrum(ONE, "ntk", 64, 2)
    values = np.zeros_like(both.values)
    values[:, 0] = conv_kernels.spectrum(ONE, "ntk", 64).values
    first = conv_kernels.Spectrum(values, both.multiplicities)
    a, b = (conv_kernels.learning_curve(student, t, [50]).error for t in (both, first))
    assert a == pytest.approx(b, rel=1e-12)


def test_error_is_the_conditional_variance_for_the_true_kernel() -> None:
    rng = np.random.default_rng(3)
    x, z = rng.uniform(0, 2 * math.pi, (30, 2)), rng.uniform(0, 2 * math.pi, (11, 2))
    joint = conv_kernels.gram(np.concatenate([x, z]), np.concatenate([x, z]), FULL, "ntk")
    left = joint[30:, 30:] - joint[30:, :30] @ np.linalg.solve(joint[:30, :30], joint[:30, 30:])
    found = conv_kernels.error_given_design(x, z, (FULL, "ntk"), (FULL, "ntk"))
    assert found == pytest.approx(np.diag(left).mean(), rel=1e-10)


def test_error_is_the_mean_over_teachers() -> None:
    # Teachers drawn one by one: f = K_T^(1/2) g; the mean square over an orthonormal set of g is
    # the expectation, exactly.
    rng = np.random.default_rng(4)
    x, z = rng.uniform(0, 2 * math.pi, (20, 4)), rng.uniform(0, 2 * math.pi, (7, 4))
    both = np.concatenate([x, z])
    root = np.linalg.cholesky(conv_kernels.gram(both, both, (2, 2), "ntk"))  # two positions
    student = conv_kernels.gram(both, x, (2, 2, 2), "rfk")
    left = root[20:] - student[20:] @ np.linalg.solve(student[:20], root[:20])
    found = conv_kernels.error_given_design(x, z, ((2, 2, 2), "rfk"), ((2, 2), "ntk"))
    assert found == pytest.approx((left**2).sum(axis=1).mean(), rel=1e-9)


def test_error_on_the_design_itself_and_with_a_ridge() -> None:
    x = np.random.default_rng(5).uniform(0, 2 * math.pi, (25, 2))
    student, teacher = (FULL, "ntk"), (ONE, "rfk")
    assert conv_kernels.error_given_design(x, x, student, teacher) == pytest.approx(0, abs=1e-12)
    heavy = conv_kernels.error_given_design(x, x, student, teacher, ridge=1e12)
    assert heavy == pytest.approx(1, rel=1e-9)  # predicts 0: the teacher's variance is left
    twice = np.concatenate([x, x])
    with pytest.raises(ValueError, match=re.escape("drop repeated points, or pass ridge=1e-12.")):
        conv_kernels.error_given_design(twice, x, student, teacher)
    assert conv_kernels.error_given_design(twice, x, student, teacher, ridge=1e-10) < 1e-6


def measured(student: Net, teacher: Net, samples: int) -> float:
    """Mean over 64 random designs and 256 test points each."""
    rng, inputs = np.random.default_rng([6, samples]), math.prod(student[0][1:])
    errors = []
    for _ in range(64):
        x, z = (rng.uniform(0, 2 * math.pi, (n, inputs)) for n in (samples, 256))
        errors.append(conv_kernels.error_given_design(x, z, student, teacher))
    return float(np.mean(errors))


def high(teacher: Net) -> float:
    """The largest ratio of the measured error to the equivalent; 0.9 is the smallest."""
    return 1.5 if teacher[1] == "rfk" else 1.3


@pytest.mark.parametrize(("teacher", "student"), [(c[0], c[1]) for c in CURVES])
def test_random_designs_follow_the_equivalent(teacher: Net, student: str) -> None:
    # The mean ratios are 1.08, 1.29, 1.03, 1.19, 1.13 (240 designs each) and one design has a
    # relative sd of at most 15 %, so 64 designs of 1.9 %: every bound is more than 5 sd away.
    # False alarm below 1e-6 each.
    mean = measured((FULL, student), teacher, 64)
    assert 0.9 < mean / float(curve(teacher, student, [64], 256).error[0]) < high(teacher)


@pytest.mark.parametrize(
    ("teacher", "printed"), [((2, 2, 2), 1.1947), ((2, 2), 0.5377), ((2,), 0.1587)]
)
def test_four_dimensions(teacher: tuple[int, ...], printed: float) -> None:
    # `printed` is the mean of two designs, 2 to 7 % off (240 designs).  One has a relative sd of
    # at most 4 %, so 64 of 0.5 %: the band is more than 5 sd away.  False alarm below 1e-6 each.
    mean = measured(((2, 2, 2), "ntk"), (teacher, "ntk"), 64)
    assert mean == pytest.approx(printed, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("teacher", "student"), [(c[0], c[1]) for c in CURVES])
def test_slopes_follow_the_equivalent(teacher: Net, student: str) -> None:
    samples = [64, 128, 256, 512]
    errors = [measured((FULL, student), teacher, n) for n in samples]
    found = -np.polyfit(np.log(samples), np.log(errors), 1)[0]
    equivalent = curve(teacher, student, samples, 512).error
    assert np.all((errors > 0.9 * equivalent) & (errors < high(teacher) * equivalent))
    rule = -np.polyfit(np.log(samples), np.log(equivalent), 1)[0]
    assert abs(found - rule) < 0.08
    level = len(teacher[0])
    beta = conv_kernels.learning_exponent(FULL, student, teacher[1], level)
    assert abs(rule - beta) < 0.15
    if level == 1 and student == "ntk":  # mutants: the curse, and a student that knows the patch
        assert abs(found - 0.5) > 0.15
        assert abs(found - 1.0) > 0.15


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: k.learning_exponent((2, 2), "ntk", "ntk", 3), "level must be at most 2"),
        (lambda k: k.learning_exponent((2, 2), "nt", "ntk"), "kind must be"),
        (lambda k: k.learning_exponent((2, 2), "ntk", 0.0), "nu must be > 0, not 0.0"),
        (
            lambda k: k.learning_curve(k.spectrum(FULL, "ntk", 8), k.spectrum(ONE, "ntk", 8), [4]),
            "spectra of one grid",
        ),
        (
            lambda k: k.learning_curve(k.spectrum(ONE, "ntk", 8), k.spectrum(ONE, "ntk", 8), [8]),
            "samples must be below",
        ),
        (
            lambda k: k.learning_curve(k.spectrum(ONE, "ntk", 8), k.spectrum(ONE, "ntk", 8), [0]),
            "samples must be a whole number >= 1",
        ),
        (
            lambda k: k.learning_curve(
                k.spectrum(ONE, "ntk", 8), k.Spectrum(np.full(5, math.nan), np.ones(5)), [2]
            ),
            "the teacher's eigenvalues must be finite",
        ),
        (
            lambda k: k.error_given_design(np.empty((0, 1)), [[0.1]], (ONE, "ntk"), (ONE, "ntk")),
            "at least one point",
        ),
        (
            lambda k: k.error_given_design([[math.nan]], [[0.1]], (ONE, "ntk"), (ONE, "ntk")),
            "design holds a NaN",
        ),
        (
            lambda k: k.error_given_design([[0.3]], [[0.1]], (ONE, "ntk"), (ONE, "ntk"), -1),
            "ridge must be >= 0, not -1",
        ),
    ],
)
def test_mistakes_get_one_line(call, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        call(conv_kernels)
    assert "\n" not in str(caught.value)
