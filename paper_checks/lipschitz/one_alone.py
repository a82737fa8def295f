r"""lambda with one of nu, tau and gamma = 0 does not give NSR-full (C7), for one MaxMin layer.

Points of the dual: signals v, e with |e| = |v| in every pair (lambda) and, with a = v_1 + v_2 and
b = e_1 + e_2,

    tau    b.(a - b) = 0:   b = (a + |a| u) / 2,  |u| = 1
    nu     a.(a - b) = 0:   b = a + w,  w orthogonal to a, |w| at most sqrt(2) times that of d(v)

and e_2 - e_1 of any direction.  Every such point gives a lower bound |W_2 e| / |X| of the optimum.
The same formulas are maximised in floats and evaluated in balls.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from paper_checks.core import Claim, Verdict
from paper_checks.lipschitz.brackets import Bracket, random_network, upper, within

_RANK = 2
_NETWORK = partial(random_network, 0, (3, 8, 2), "maxmin")


def _value(numbers: Any, which: str, weights: Any, root: Callable[[Any], Any]) -> Any:
    """|W_2 e| / |X| at X, the free vectors and the directions of e_2 - e_1, all in `numbers`."""
    first, last = weights
    pairs = len(first) // 2
    x, free, turn = _parts(numbers, first.shape[1], pairs)

    def length(rows: Any) -> Any:
        return root((rows * rows).sum(axis=1))[:, None]

    v = first @ x
    a, d = v[::2] + v[1::2], v[1::2] - v[::2]
    if which == "tau":
        b = (a + free * (length(a) / length(free))) / 2
    else:
        aside = free - a * ((free * a).sum(axis=1)[:, None] / length(a) ** 2)
        most = length(d)
        b = a + aside * (most / root((most**2 + length(aside) ** 2)[:, 0])[:, None])
    # |v_1|^2 + |v_2|^2 = (|a|^2 + |d|^2) / 2, and the same of e.
    square = length(a) ** 2 + length(d) ** 2 - length(b) ** 2
    rest = turn * (root(square[:, 0])[:, None] / length(turn))
    y = last[:, ::2] @ ((b - rest) / 2) + last[:, 1::2] @ ((b + rest) / 2)
    sizes = [root((part * part).reshape(1, -1).sum(axis=1))[0] for part in (y, x)]
    return sizes[0] / sizes[1]


def _parts(numbers: Any, inputs: int, pairs: int) -> tuple[Any, Any, Any]:
    rows = numbers.reshape(-1, _RANK)
    return rows[:inputs], rows[inputs : inputs + pairs], rows[inputs + pairs :]


@cache
def _best(which: str) -> Any:
    """Where the value is large, in floats."""
    import numpy as np
    from scipy.optimize import minimize

    weights = _NETWORK().weights
    size = _RANK * (weights[0].shape[1] + len(weights[0]))

    def loss(numbers: Any) -> float:
        return -float(_value(numbers, which, weights, lambda x: np.sqrt(np.maximum(x, 0))))

    starts = (np.random.default_rng(seed).standard_normal(size) for seed in range(2))
    limits = {"maxfun": 5000}  # enough for two digits
    found = [minimize(loss, start, method="L-BFGS-B", options=limits) for start in starts]
    return min(found, key=lambda result: result.fun).x


def _dual(which: str) -> Bracket:
    """A proven lower bound of the optimum."""
    import numpy as np
    from flint import arb

    from theory.rigor.balls import ends, precision

    def balls(numbers: Any) -> Any:
        exact = [arb(x) for x in np.ravel(numbers).tolist()]
        return np.array(exact, dtype=object).reshape(np.shape(numbers))

    def root(numbers: Any) -> Any:
        return np.array([x.nonnegative_part().sqrt() for x in numbers], dtype=object)

    with precision(128):
        weights = [balls(w) for w in _NETWORK().weights]
        return Bracket(ends(_value(balls(_best(which)), which, weights, root))[0], None)


def _full() -> Any:
    return upper(_NETWORK(), "nsr-full")


CLAIMS = (
    Claim(
        id="lipschitz/C7.one-alone",
        source="derived",
        provenance="derived",
        kind="finding",
        statement=(
            r"With $\gamma = 0$ one of $\nu, \tau$ alone does not reach NSR-full: for the random "
            r"MaxMin network 3-8-2 (seed 0) the optimum over $\lambda, \nu$ is at least 1.05, "
            r"that over $\lambda, \tau$ at least 0.928, against 0.910125."
        ),
        expected=Verdict.PROVED,
        method="interval",
        cases=tuple(
            within(
                f"lambda and {which}",
                partial(_dual, which),
                least,
                None,
                {"it reaches NSR-full": (None, _full)},
            )
            for which, least in (("nu", "1.05"), ("tau", "0.928"))
        ),
    ),
)
