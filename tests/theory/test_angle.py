"""The angle of two inputs in the infinite ReLU network, against 40-digit integrals."""

import math

import mpmath
import numpy as np
import pytest

from theory.angle import angle, gap, time_between

SMALL = mpmath.mpf("1e-3")


def inverse_pull(theta):
    """1 - theta cot theta at 40 digits; below 1e-3 by its series to theta^10."""
    if theta > SMALL:
        return 1 - theta * mpmath.cot(theta)
    terms = [(2, 3), (4, 45), (6, 945 / mpmath.mpf(2)), (8, 4725), (10, mpmath.mpf(93555) / 2)]
    return sum(theta**power / divisor for power, divisor in terms)


def regular(theta):
    if theta > SMALL:
        return 1 / inverse_pull(theta) - 3 / theta**2
    return -mpmath.mpf(1) / 5 - theta**2 / 175 - 2 * theta**4 / 7875


def exact_time(start, end):
    start, end = mpmath.mpf(start), mpmath.mpf(end)
    rest = mpmath.quad(regular, [end, (start + end) / 2, start])
    return 2 * mpmath.pi * (3 / end - 3 / start + rest)


@pytest.mark.parametrize("time", [1e-12, 1e-3, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("start", [1e-8, 1e-4, 0.3, 0.99, 1.01, 2.0, 3.1, math.pi])
def test_angle_by_mpmath(start, time):
    with mpmath.workdps(40):
        found = angle(start, time)
        exact = mpmath.mpf(found)
        for _ in range(2):  # Newton: 1e-16 -> 1e-32
            step = (exact_time(start, exact) - time) * inverse_pull(exact) / (2 * mpmath.pi)
            exact += step
        assert abs(found - exact) <= 1e-15 * exact


@pytest.mark.parametrize(("start", "end"), [(3.0, 1e-5), (0.5, 0.4), (2.9, 1.5), (1e-8, 0.99e-8)])
def test_time_between_by_mpmath(start, end):
    with mpmath.workdps(40):
        exact = exact_time(start, end)
        assert abs(time_between(start, end) - exact) <= 1e-14 * exact


def test_edges():
    assert angle(0.0, 5.0) == 0.0
    assert angle(1.3, 0.0) == 1.3
    assert angle(math.pi, 1e-300) == math.pi
    assert angle(math.pi, 1e-6) == pytest.approx(math.pi - 1e-3, abs=1e-6)  # pi - sqrt(t)
    assert angle(2.0, 1e300) == pytest.approx(6 * math.pi / 1e300, rel=1e-15)
    assert time_between(1.0, 1.0) == 0.0
    assert time_between(1.0, 0.0) == math.inf


def test_gap_does_not_cancel():
    with mpmath.workdps(40):
        for theta in (1e-150, 1e-9, 1e-3, 0.5, 2.0, math.pi):
            exact = mpmath.sin(theta) - theta * mpmath.cos(theta) if theta > 1e-9 else 0
            exact = exact or mpmath.mpf(theta) ** 3 / 3
            assert gap(theta) == pytest.approx(float(exact), rel=1e-14, abs=1e-320)


def test_mistakes():
    with pytest.raises(ValueError, match="theta0 must be between 0 and pi"):
        angle(3.2, 1.0)
    with pytest.raises(ValueError, match="time must be >= 0"):
        angle(1.0, -1.0)
    with pytest.raises(ValueError, match="theta0 must be a finite number, not nan"):
        angle(np.nan, 1.0)
    with pytest.raises(ValueError, match=r"theta must be at most theta0 = 1\.0, not 1\.5"):
        time_between(1.0, 1.5)
