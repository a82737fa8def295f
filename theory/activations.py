r"""Activation functions with their derivatives and kinks: one object for numpy and for jax.

    relu             max(x, 0)                              linear   x
    leaky_relu:a     x for x > 0, a x for x <= 0            abs      |x|
    elu              x for x > 0, e^x - 1 for x <= 0        erf      2/sqrt(pi) int_0^x e^(-u^2) du
    selu             l x for x > 0, l a (e^x - 1) else      tanh, sin
    gelu             x Phi(x), Phi the normal cdf           silu     x / (1 + e^-x)
    hermite:k        He_k(x) / sqrt(k!), orthonormal under N(0, 1)
    ou:alpha,beta    exp(z^2), z = ou_coordinate(alpha x + beta)
    module:function  any elementwise callable that can be imported

Functions keep the type of their argument: numpy float32 in, float32 out; a jax array or tracer in,
jax out.  At a kink the derivative is the left one, and 0 for abs.  NaN gives NaN (except in the
derivatives of piecewise linear functions).  jax itself is never imported before the caller has.
"""

import contextlib
import difflib
import functools
import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import scipy.special

from theory.imports import imported, is_spec
from theory.ou import float_type, is_jax, ou_coordinate

__all__ = ["Activation", "Elementwise", "activation", "ou_coordinate"]

Elementwise = Callable[[Any], Any]

# Klambauer et al. (2017): the only pair for which (mean, variance) = (0, 1) maps to itself.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_LAMBDA = 1.0507009873554804934193349852946


@dataclass(frozen=True)
class Activation:
    """An elementwise function, its almost-everywhere derivative and the points where it kinks."""

    name: str
    function: Elementwise
    derivative: Elementwise
    kinks: tuple[float, ...] = ()
    """Points where the function is not smooth, increasing."""
    homogeneous: bool = False
    """f(c x) = c f(x) for every c > 0."""
    dead: Literal["negative", "none"] = "none"
    """The half-line on which the function vanishes identically."""

    def __call__(self, x: Any) -> Any:
        """The function, elementwise."""
        return self.function(x)


def activation(spec: "str | Elementwise | Activation") -> Activation:
    """The activation that `spec` names, for example "relu", "leaky_relu:0.2" or "my_code:swish".

    A module is also looked up in the current directory.  A callable must be elementwise; it may
    carry attributes `derivative` (a callable) and `kinks` (a sequence).  Without `derivative` a
    function written in jax is differentiated by jax, any other by central differences (relative
    error about 1e-10 away from kinks).  Raises ValueError for an unknown name, a bad parameter, a
    failed import, and a callable that is not elementwise and finite on a grid over [-8, 8].
    """
    if isinstance(spec, Activation):
        return spec
    if callable(spec):
        return _from_callable(getattr(spec, "__name__", type(spec).__name__), spec)
    if not isinstance(spec, str):
        raise ValueError(
            f"activation must be a name, 'module:function' or a callable, not {spec!r}."
        )
    name, colon, parameter = spec.partition(":")
    if name in _PLAIN:
        if colon:
            raise ValueError(f"activation {spec!r}: {name} takes no parameter.")
        return _PLAIN[name]
    if name in _FAMILIES:
        return _family(name, parameter)
    if is_spec(spec):
        return _imported(spec)
    known = [*_PLAIN, *_FAMILIES]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"unknown activation {spec!r}.{hint} Known: {', '.join(known)}, or 'module:function'."
    )


# --- numpy or jax -------------------------------------------------------------------------------


def _is_jax(x: Any) -> bool:
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(x, jax.Array)


def _numpy_like(x: Any) -> Any:
    return importlib.import_module("jax.numpy") if is_jax(x) else np


def _special_like(x: Any) -> Any:
    return importlib.import_module("jax.scipy.special") if is_jax(x) else scipy.special


def _where(x: Any, condition: Any, yes: Any, no: Any) -> Any:
    if is_jax(x):
        return _numpy_like(x).where(condition, yes, no)
    return np.where(condition, yes, no)[()]


def _nonpositive(x: Any) -> Any:
    """min(x, 0), with derivative 1 at 0 under jax, so that a masked exp cannot overflow."""
    return _where(x, x > 0, _numpy_like(x).zeros_like(x), x)


def _gaussian(x: Any, rate: float) -> Any:
    """exp(-rate x^2), without overflow of x^2."""
    xp = _numpy_like(x)
    return xp.exp(-rate * xp.square(xp.clip(x, -40.0, 40.0)))


# --- the named functions ------------------------------------------------------------------------


def _linear(x: Any) -> Any:
    return 1.0 * x


def _one(x: Any) -> Any:
    return _numpy_like(x).ones_like(1.0 * x)[()]


def _leaky_relu(x: Any, slope: float) -> Any:
    return _where(x, x <= 0, slope * x if slope else 0.0, x)


def _leaky_relu_prime(x: Any, slope: float) -> Any:
    one = _one(x)
    return _where(x, x <= 0, slope * one, one)


def _elu(x: Any, scale: float, alpha: float) -> Any:
    return _where(x, x <= 0, scale * alpha * _numpy_like(x).expm1(_nonpositive(x)), scale * x)


def _elu_prime(x: Any, scale: float, alpha: float) -> Any:
    return _where(x, x <= 0, scale * alpha * _numpy_like(x).exp(_nonpositive(x)), scale * _one(x))


def _erf(x: Any) -> Any:
    return _special_like(x).erf(x)


def _erf_prime(x: Any) -> Any:
    return 2 / math.sqrt(math.pi) * _gaussian(x, 1.0)


def _tanh_prime(x: Any) -> Any:
    xp = _numpy_like(x)
    decay = xp.exp(-2 * xp.abs(x))  # 4 e^-2|x| / (1 + e^-2|x|)^2: accurate where 1 - tanh^2 is not
    return 4 * decay / xp.square(1 + decay)


def _normal_cdf(x: Any) -> Any:
    return 0.5 * _special_like(x).erfc(-math.sqrt(0.5) * x)


def _gelu(x: Any) -> Any:
    return x * _normal_cdf(x)


def _gelu_prime(x: Any) -> Any:
    return _normal_cdf(x) + x * _gaussian(x, 0.5) / math.sqrt(2 * math.pi)


def _silu(x: Any) -> Any:
    return x * _special_like(x).expit(x)


def _silu_prime(x: Any) -> Any:
    special = _special_like(x)
    return special.expit(x) * (1 + x * special.expit(-x))


def _hermite(x: Any, degree: int) -> Any:
    previous, current = 0.0 * x, _one(x)
    for k in range(degree):
        previous, current = current, (x * current - math.sqrt(k) * previous) / math.sqrt(k + 1)
    return current


def _hermite_prime(x: Any, degree: int) -> Any:
    return math.sqrt(degree) * _hermite(x, degree - 1) if degree else 0.0 * x


def _ou(x: Any, alpha: float, beta: float) -> Any:
    return _numpy_like(x).exp(_numpy_like(x).square(ou_coordinate(alpha * x + beta)))


def _ou_prime(x: Any, alpha: float, beta: float) -> Any:
    return 2 * alpha * ou_coordinate(alpha * x + beta)


def _abs(x: Any) -> Any:
    return _numpy_like(x).abs(x)


def _abs_prime(x: Any) -> Any:
    return _numpy_like(x).sign(1.0 * x)


def _by_name(function: str, x: Any) -> Any:
    return getattr(_numpy_like(x), function)(x)


_partial = functools.partial
_SELU = {"scale": SELU_LAMBDA, "alpha": SELU_ALPHA}
_ELU = {"scale": 1.0, "alpha": 1.0}


def _rectifier(name: str, slope: float) -> Activation:
    return Activation(
        name,
        _partial(_leaky_relu, slope=slope),
        _partial(_leaky_relu_prime, slope=slope),
        kinks=() if slope == 1 else (0.0,),
        homogeneous=True,
        dead="none" if slope else "negative",
    )


_PLAIN = {
    a.name: a
    for a in (
        _rectifier("relu", 0.0),
        Activation("abs", _abs, _abs_prime, kinks=(0.0,), homogeneous=True),
        Activation("linear", _linear, _one, homogeneous=True),
        Activation("erf", _erf, _erf_prime),
        Activation("tanh", _partial(_by_name, "tanh"), _tanh_prime),
        Activation("gelu", _gelu, _gelu_prime),
        Activation("silu", _silu, _silu_prime),
        Activation("elu", _partial(_elu, **_ELU), _partial(_elu_prime, **_ELU), kinks=(0.0,)),
        Activation("selu", _partial(_elu, **_SELU), _partial(_elu_prime, **_SELU), kinks=(0.0,)),
        Activation("sin", _partial(_by_name, "sin"), _partial(_by_name, "cos")),
    )
}
_FAMILIES = {
    "leaky_relu": "a finite slope, as in 'leaky_relu:0.2'",
    "hermite": "a degree from 0 to 100, as in 'hermite:3'",
    "ou": "finite alpha, beta with alpha not 0, as in 'ou:1,0'",
}


@functools.lru_cache
def _family(name: str, parameter: str) -> Activation:
    """A member of a family; cached, so that equal names give equal (and jit-cached) objects."""
    spec = f"{name}:{parameter}"
    try:
        numbers = [float(word) for word in parameter.split(",")]
        if not all(map(math.isfinite, numbers)):
            raise ValueError
        if name == "leaky_relu":
            (slope,) = numbers
            return _rectifier(spec, slope)
        if name == "hermite":
            (degree,) = numbers
            if degree not in range(101):
                raise ValueError
            keywords = {"degree": int(degree)}
            return Activation(
                spec, _partial(_hermite, **keywords), _partial(_hermite_prime, **keywords)
            )
        alpha, beta = numbers
        if alpha == 0:
            raise ValueError
        return Activation(
            spec, _partial(_ou, alpha=alpha, beta=beta), _partial(_ou_prime, alpha=alpha, beta=beta)
        )
    except ValueError:
        raise ValueError(f"activation {spec!r}: {name} needs {_FAMILIES[name]}.") from None


# --- users' functions ---------------------------------------------------------------------------


def _double_precision() -> contextlib.AbstractContextManager[Any]:
    """Keeps a jax function in float64 when it is given numpy float64."""
    jax = sys.modules.get("jax")
    if jax is None:
        return contextlib.nullcontext()
    where = jax if hasattr(jax, "enable_x64") else jax.experimental  # as in older jax
    return where.enable_x64(True)  # type: ignore[no-any-return]  # jax is untyped here


@dataclass(frozen=True)
class _User:
    """A user's function that keeps the type of its argument; equal if the function is equal."""

    function: Elementwise = field(hash=False)  # polynomials, for example, have no hash

    def __call__(self, x: Any) -> Any:
        if is_jax(x):
            return _numpy_like(x).asarray(self.function(x), dtype=x.dtype)
        x = np.asarray(x, dtype=float_type(x))
        with _double_precision():
            return np.asarray(self.function(x), dtype=x.dtype)[()]


@dataclass(frozen=True)
class _Derivative:
    """The derivative of a user's elementwise function: by jax if it traces, else by differences."""

    function: Elementwise = field(hash=False)

    def __call__(self, x: Any) -> Any:
        if is_jax(x):
            return sys.modules["jax"].jvp(self.function, (x,), (_one(x),))[1]
        x = np.asarray(x, dtype=float_type(x))
        if "jax" in sys.modules:
            # Only jax knows which of its many errors say "not traceable".
            with contextlib.suppress(Exception), _double_precision():
                slope = sys.modules["jax"].jvp(self.function, (x,), (np.ones_like(x),))[1]
                return np.asarray(slope, dtype=x.dtype)[()]
        step = np.cbrt(np.finfo(x.dtype).eps) * np.maximum(np.abs(x), 1)
        right, left = x + step, x - step
        return ((self.function(right) - self.function(left)) / (right - left))[()]


def _imported(spec: str) -> Activation:
    found = imported("activation", spec)
    return found if isinstance(found, Activation) else _from_callable(spec, found)


def _from_callable(name: str, function: Elementwise) -> Activation:
    call = _User(function)
    _probe(name, call)
    derivative = getattr(function, "derivative", None)
    kinks = tuple(sorted(float(x) for x in getattr(function, "kinks", ())))
    return Activation(
        name, call, _User(derivative) if callable(derivative) else _Derivative(function), kinks
    )


def _probe(name: str, function: Elementwise) -> None:
    """Refuse a function that is not elementwise or not finite on a grid over [-8, 8]."""
    grid = np.linspace(-8, 8, 33)
    try:
        with np.errstate(all="ignore"):
            values, some = function(grid), function(grid[1::2])
    except Exception as error:  # whatever a user's function raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"activation {name!r} fails on an array ({reason}).") from error
    if values.shape != grid.shape:
        raise ValueError(
            f"activation {name!r} must be elementwise: shape {grid.shape} gave {values.shape}."
        )
    bad = grid[~np.isfinite(values)]
    if bad.size:
        value = values[np.flatnonzero(~np.isfinite(values))[0]]
        raise ValueError(f"activation {name!r} gives {value} at x = {bad[0]:g}.")
    if some.shape != grid[1::2].shape or not np.allclose(some, values[1::2], rtol=1e-6, atol=1e-12):
        raise ValueError(f"activation {name!r} must be elementwise and deterministic.")
