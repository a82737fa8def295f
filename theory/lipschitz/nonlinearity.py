r"""Activations as a Lipschitz bound sees them: slopes per unit, or groups that keep sums and norms.

    slopes in [lower, upper]    relu, leaky_relu:a, abs, linear, tanh, sigmoid, erf, sin, arctan,
                                softplus, softsign, hard_tanh, elu:a, selu, gelu, silu, hard_swish
    maxmin                      GroupSort of size 2
    group_sort                  consecutive units, sorted ascending in groups of `group_size`
    householder                 per group v if u.v > 0, else v - 2 u (u.v) / |u|^2

The slope bounds enclose the exact range: an irrational one is rounded outwards.  Biases do not
change a bound, so they do not occur here.
"""

import difflib
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy.linalg
import scipy.special

from theory._checks import real, whole
from theory.activations import SELU_ALPHA, SELU_LAMBDA
from theory.activations import activation as elementwise

Vector = np.ndarray[Any, np.dtype[np.float64]]
Kind = Literal["slopes", "group_sort", "householder"]


@dataclass(frozen=True)
class Nonlinearity:
    """An activation layer; `apply` evaluates it on the last axis."""

    name: str
    """The name it was made from, for example "leaky_relu:0.1"; it makes an equal one."""
    kind: Kind
    lower: float = -1.0
    """Least slope of one unit (kind "slopes")."""
    upper: float = 1.0
    """Largest slope of one unit."""
    group_size: int = 1
    """Units per group; 1 for slopes."""
    direction: tuple[float, ...] = ()
    """The vector u of a Householder layer, of `group_size` numbers, of any length but 0."""
    function: Callable[[Any], Any] | None = None

    def apply(self, v: Any) -> Any:
        """The activation of the pre-activations `v` of shape (..., width)."""
        if self.function is not None:
            return self.function(v)
        groups = v.reshape(*v.shape[:-1], -1, self.group_size)
        if self.kind == "group_sort":
            return np.sort(groups, axis=-1).reshape(v.shape)
        u = np.asarray(self.direction) / math.hypot(*self.direction)
        along = groups @ u
        return (groups + (np.abs(along) - along)[..., None] * u).reshape(v.shape)

    def slopes(self, v: Any) -> Any:
        """The derivative at `v`, of the same shape (kind "slopes"; the left one at a kink)."""
        return _SLOPES[self.name.partition(":")[0]].derivative(self, np.asarray(v, dtype=float))


def nonlinearity(
    spec: "str | Nonlinearity", group_size: int = 2, direction: Any = None
) -> Nonlinearity:
    """The activation of a name such as "relu", "leaky_relu:0.1", "maxmin" or "group_sort".

    `group_size` belongs to group_sort and householder, `direction` (u, of any length but 0) to
    householder, where (-1, 1, 0, ...) is the default: for two units that is MaxMin.  A name may
    carry them: "group_sort:4", "householder:1,2,3".  Raises ValueError for an unknown name and
    for a parameter out of range.
    """
    if isinstance(spec, Nonlinearity):
        return spec
    if not isinstance(spec, str):
        raise ValueError(f"activation must be a name such as 'relu' or 'maxmin', not {spec!r}.")
    name, colon, parameter = spec.partition(":")
    if name == "maxmin" and not colon:
        return Nonlinearity(spec, "group_sort", group_size=2)
    if name == "group_sort":
        size = whole(_number(spec, parameter) if colon else group_size, "group_size")
        return Nonlinearity(f"group_sort:{size}", "group_sort", group_size=size)
    if name == "householder":
        return _householder(spec, parameter, group_size, direction)
    if name in _SLOPES:
        return _sloped(spec, _SLOPES[name], colon, parameter)
    known = [*_SLOPES, "maxmin", "group_sort", "householder"]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"unknown activation {spec!r} for a Lipschitz bound.{hint} Known: {', '.join(known)}."
    )


def _number(spec: str, text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        return real(text, f"the parameter of {spec!r}")


def _householder(spec: str, parameter: str, group_size: int, direction: Any) -> Nonlinearity:
    if parameter:
        direction = [real(word, f"direction of {spec!r}") for word in parameter.split(",")]
    if direction is None:
        size = whole(group_size, "group_size")
        direction = [-1.0, 1.0, *[0.0] * (size - 2)] if size > 1 else [1.0]
    u = tuple(real(entry, "direction") for entry in np.ravel(direction))
    if not any(u):
        raise ValueError(f"direction must be a vector that is not 0, not {list(u)}.")
    name = "householder:" + ",".join(map(repr, u))
    return Nonlinearity(name, "householder", group_size=len(u), direction=u)


def group_basis(kind: Nonlinearity) -> tuple[Vector, Vector]:
    """Orthonormal rows (d, s) of one group: the nonlinear directions and those that pass."""
    if kind.kind == "householder":
        u = np.asarray(kind.direction)
        d = (u / np.linalg.norm(u))[None]
        return d, scipy.linalg.null_space(d).T
    s = np.full((1, kind.group_size), kind.group_size**-0.5)
    return scipy.linalg.helmert(kind.group_size), s


# --- slopes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slope:
    """The range of the derivative, as a function of the parameter, and how to evaluate."""

    range: Callable[[float], tuple[float, float]]
    function: Callable[[float, Any], Any]
    prime: Callable[[float, Any], Any]
    parameter: float | None = None
    """Default of the parameter; None: the name takes none."""

    def derivative(self, of: Nonlinearity, v: Vector) -> Any:
        _, _, parameter = of.name.partition(":")
        return self.prime(float(parameter) if parameter else self.parameter or 0.0, v)


def _sloped(spec: str, slope: _Slope, colon: str, parameter: str) -> Nonlinearity:
    if colon and slope.parameter is None:
        raise ValueError(f"activation {spec!r}: {spec.partition(':')[0]} takes no parameter.")
    a = real(parameter, f"the parameter of {spec!r}") if colon else slope.parameter or 0.0
    lower, upper = slope.range(a)
    return Nonlinearity(spec, "slopes", lower, upper, function=functools.partial(slope.function, a))


def _outward(lower: float, upper: float) -> tuple[float, float]:
    """Both ends moved by a few units in the last place: they were computed in floats."""
    margin = 8 * np.finfo(float).eps
    return lower - margin * abs(lower), upper + margin * abs(upper)


def _known(name: str) -> tuple[Callable[[float, Any], Any], Callable[[float, Any], Any]]:
    """Function and derivative of an activation of `theory.activations`."""
    found = elementwise(name)
    return (lambda _a, v: found.function(v)), (lambda _a, v: found.derivative(v))


def _leaky(a: float, v: Any) -> Any:
    return np.where(v > 0, v, a * v)


def _elu(a: float, v: Any) -> Any:
    return np.where(v > 0, v, a * np.expm1(np.minimum(v, 0)))


# gelu' = Phi(x) + x phi(x) is stationary where (2 - x^2) phi(x) = 0.
_GELU_TOP = scipy.special.ndtr(math.sqrt(2)) + math.exp(-1) / math.sqrt(math.pi)
# silu' = s (1 + x (1 - s)), s = 1 / (1 + e^-x), is stationary where x tanh(x / 2) = 2.
_SILU_AT = 2.3993572805154676
_SILU_TOP = scipy.special.expit(_SILU_AT) * (1 + _SILU_AT * scipy.special.expit(-_SILU_AT))


def _fixed(lower: float, upper: float) -> Callable[[float], tuple[float, float]]:
    return lambda _a: (lower, upper)


_SLOPES = {
    "relu": _Slope(_fixed(0.0, 1.0), *_known("relu")),
    "leaky_relu": _Slope(
        lambda a: (min(a, 1.0), max(a, 1.0)),
        _leaky,
        lambda a, v: np.where(v > 0, 1.0, a),
        parameter=0.01,
    ),
    "abs": _Slope(_fixed(-1.0, 1.0), *_known("abs")),
    "linear": _Slope(_fixed(1.0, 1.0), *_known("linear")),
    "tanh": _Slope(_fixed(0.0, 1.0), *_known("tanh")),
    "sigmoid": _Slope(
        _fixed(0.0, 0.25),
        lambda _a, v: scipy.special.expit(v),
        lambda _a, v: scipy.special.expit(v) * scipy.special.expit(-v),
    ),
    "erf": _Slope(
        _fixed(0.0, _outward(0.0, 2 / math.sqrt(math.pi))[1]),
        *_known("erf"),
    ),
    "sin": _Slope(_fixed(-1.0, 1.0), *_known("sin")),
    "arctan": _Slope(
        _fixed(0.0, 1.0), lambda _a, v: np.arctan(v), lambda _a, v: 1 / (1 + np.square(v))
    ),
    "softplus": _Slope(
        _fixed(0.0, 1.0),
        lambda _a, v: np.logaddexp(v, 0.0),
        lambda _a, v: scipy.special.expit(v),
    ),
    "softsign": _Slope(
        _fixed(0.0, 1.0),
        lambda _a, v: v / (1 + np.abs(v)),
        lambda _a, v: 1 / np.square(1 + np.abs(v)),
    ),
    "hard_tanh": _Slope(
        _fixed(0.0, 1.0),
        lambda _a, v: np.clip(v, -1.0, 1.0),
        lambda _a, v: (np.abs(v) < 1).astype(float),
    ),
    "elu": _Slope(
        lambda a: (min(0.0, a), max(1.0, a)),
        _elu,
        lambda a, v: np.where(v > 0, 1.0, a * np.exp(np.minimum(v, 0))),
        parameter=1.0,
    ),
    "selu": _Slope(
        _fixed(0.0, _outward(0.0, SELU_LAMBDA * SELU_ALPHA)[1]),
        *_known("selu"),
    ),
    "gelu": _Slope(_fixed(*_outward(1 - _GELU_TOP, _GELU_TOP)), *_known("gelu")),
    "silu": _Slope(_fixed(*_outward(1 - _SILU_TOP, _SILU_TOP)), *_known("silu")),
    "hard_swish": _Slope(
        _fixed(-0.5, 1.5),
        lambda _a, v: v * np.clip(v / 6 + 0.5, 0.0, 1.0),
        lambda _a, v: np.where(v <= -3, 0.0, np.where(v >= 3, 1.0, v / 3 + 0.5)),
    ),
}


def relaxed(of: Nonlinearity) -> Nonlinearity:
    """The same activation of which only |slope| <= max(|lower|, |upper|) is known."""
    top = max(abs(of.lower), abs(of.upper))
    return replace(of, lower=-top, upper=top)
