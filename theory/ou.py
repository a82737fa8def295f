"""The inverse of h(z) = int_0^z e^(u^2) du = sqrt(pi)/2 erfi(z), for numpy and for jax.

It is the coordinate in which the one-unit network with activation exp(z^2) is an
Ornstein-Uhlenbeck process (claim C3 of the infinite-depth limit).  jax is not imported before the
caller has.
"""

import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.special


def is_jax(x: Any) -> bool:
    """Whether x is a jax array or tracer; does not import jax."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(x, jax.Array)


def float_type(x: Any) -> np.dtype[Any]:
    """The numpy type of x if it is a floating one, else float64."""
    dtype = np.asarray(x).dtype
    return dtype if np.issubdtype(dtype, np.floating) else np.dtype(float)


def ou_coordinate(w: Any) -> Any:
    """The inverse of h(z) = int_0^z e^(u^2) du; odd, elementwise, for |w| <= 1e300.

    Relative error below 2e-15 (float64) or 5e-7 (jax float32).  Newton's method for log h, where
    (log h)' = 1 / F and h = e^(z^2) F with Dawson's function F; derived.  jax evaluates a Chebyshev
    series fitted to that, with derivative e^(-z^2).
    """
    if is_jax(w):
        return _jax_ou_coordinate()(w)
    wide = np.asarray(w, dtype=float)
    size = np.abs(wide)
    size = np.where(size <= 1e300, np.maximum(size, 1e-300), np.nan)
    z = np.where(size < 1, size, np.sqrt(np.log(np.maximum(size, 1)) + 0.8))
    for _ in range(6):
        dawson = _dawson(z)
        z = z - dawson * (z * z + np.log(dawson / size))
    z = np.where(wide == 0, 0.0, np.copysign(z, wide))
    return z.astype(float_type(w))[()]


def _dawson(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Dawson's function e^(-z^2) h(z) for z >= 0.

    scipy's is off by up to 2e-14 near z = 0.01, hence the series z sum_k (-2 z^2)^k / (2k+1)!!.
    """
    coefficients = np.cumprod([1.0, *(-2.0 / np.arange(3, 35, 2))])
    series = z * np.polyval(coefficients[::-1], np.square(np.minimum(z, 0.5)))
    return np.where(z < 0.5, series, scipy.special.dawsn(z))


# z / s is a smooth function of x in [-1, 1], where s^2 = log(1 + w^2 / (1 + DAMPING w)) and
# x = _OFFSET - _SCALE / (s + 2).  s behaves like z at both ends and cannot overflow; the two
# numbers 1.4 and 2 give the shortest series (60 terms in float64, 30 in float32).
_DAMPING = 1.4
_S_MAX = math.sqrt(math.log(1e300 / _DAMPING))
_SCALE = 4 * (_S_MAX + 2) / _S_MAX
_OFFSET = _SCALE / 2 - 1


@functools.cache
def _ou_series(epsilon: float) -> list[float]:
    """Chebyshev coefficients of z / s, up to the last one above epsilon / 2."""
    count = 128
    x = np.cos(np.pi * (np.arange(count) + 0.5) / count)
    s = _SCALE / (_OFFSET - x) - 2
    m = np.expm1(s * s)
    w = np.sqrt(m) * (_DAMPING / 2 * np.sqrt(m) + np.sqrt(_DAMPING**2 / 4 * m + 1))
    series = scipy.fft.dct(ou_coordinate(w) / s) / count
    series[0] /= 2
    return [float(c) for c in series[: np.flatnonzero(np.abs(series) > epsilon / 2)[-1] + 1]]


@functools.cache
def _jax_ou_coordinate() -> Callable[[Any], Any]:
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def coordinate(w: Any) -> Any:
        size = jnp.abs(w)
        s = jnp.sqrt(jnp.log1p(size / (1 / size + _DAMPING)))
        x = _OFFSET - _SCALE / (s + 2)
        epsilon = float(jnp.finfo(w.dtype).eps)  # type: ignore[no-untyped-call]
        series = _ou_series(epsilon)
        # T_2k(x) and T_{2k+1}(x) / x obey Chebyshev's recurrence in y = T_2(x).
        y = 2 * x * x - 1
        even, even_next = _clenshaw(series[0::2], y)
        odd, odd_next = _clenshaw(series[1::2], y)
        z = jnp.copysign(s * (even - y * even_next + x * (odd - odd_next)), w)
        return jnp.where(size < math.sqrt(epsilon), w, z)  # there s underflows, and z = w

    @coordinate.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        z = coordinate(*primals)
        return z, jnp.exp(-z * z) * tangents[0]

    return coordinate


def _clenshaw(coefficients: list[float], y: Any) -> tuple[Any, Any]:
    """b_0 and b_1 of b_k = c_k + 2 y b_{k+1} - b_{k+2}; two short chains run faster than one."""
    now, after = 0 * y, 0 * y
    for c in reversed(coefficients):
        now, after = c + 2 * y * now - after, now
    return now, after
