"""Parameters of the simulations of infinitely wide classifiers, and what each experiment refuses.

Light to import: the command line builds its options from these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from simulations import checks
from simulations.arrays import NOTHING, Held
from simulations.checks import refuse

Alphas = tuple[float, ...]

PAIRS: dict[int, tuple[Alphas, Alphas]] = {
    1: ((1, 2), (2, 1)),
    2: ((0.5, 0.5, 2.5), (2.5, 0.1, 0.5)),
    4: ((3, 1, 2, 1, 1), (1, 2, 2, 2, 3)),
    8: ((1, 2, 1, 2, 1, 1, 1, 1, 1), (1, 1, 1, 2, 3, 4, 2, 2, 1)),
}
"""The paper's two Dirichlet classes, by dimension."""

LARGEST_DIMENSION = 1000
MAX_POINTS = 100_000
"""Training points of a data set; the votes visit all pairs with the test points at once."""
MAX_PAIRS = 20_000_000
DEEPEST_NETWORK = 5

OF_VOTES = ("points", "test", "alpha1", "alpha2", "prior", "methods", "kernel", "ridge")
OF_FILES = ("data", "labels", "classes", "normalise")
OF_NETWORKS = ("width", "distance", "dtype")


def _numbers(_: Any, tokens: Sequence[Any]) -> Alphas:
    """The numbers of "0.5,0.5,2.5", or of several words."""
    words = [word for token in tokens for word in token.value.split(",")]
    try:
        return tuple(map(float, words))
    except ValueError:
        raise ValueError(f"it takes numbers as in 0.5,0.5,2.5; got {','.join(words)}.") from None


NUMBERS = Parameter(converter=_numbers, consume_multiple=True, negative=())


@dataclass(frozen=True, kw_only=True)
class Params:
    """The data, the classifiers, and the network of finite width."""

    activation: str = "optimal:2"
    """Activation: relu, gelu, erf, hermite:3, sine:2.676 (sin(sqrt(a) x)), optimal:2 (the cubic of
    exponent 2), ..., or module:function; divided by its root mean square."""
    dimension: int = 2
    """Intrinsic dimension d: points lie on the sphere S^d of d + 1 coordinates."""
    points: int = 1000
    """Training points of a data set."""
    test: int = 200
    """Test points of a data set."""
    alpha1: Annotated[Alphas, NUMBERS] = ()
    """Dirichlet parameters of class +1, d + 1 numbers as in 0.5,0.5,2.5; by default the paper's in
    dimension 1, 2, 4 and 8, and 1,...,1,2 in others."""
    alpha2: Annotated[Alphas, NUMBERS] = ()
    """Those of class -1; by default the paper's, and 2,1,...,1 in others."""
    prior: float = 0.4
    """Probability of class +1."""
    methods: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = ()
    """Classifiers: limit:ACTIVATION, hilbert:ALPHA, nearest, majority, nngp:DEPTH:ACTIVATION,
    ntk:DEPTH:ACTIVATION; by default the limit of the activation, hilbert:d, nearest, majority, and
    with a depth the kernel of that depth.  The others are compared with the first."""
    kernel: Literal["nngp", "ntk"] = "nngp"
    """Kernel of finite depth among the default classifiers."""
    depth: int | None = None
    """Its hidden layers; with --quantity network those of the network, 1 to 5."""
    ridge: float = 0.0
    """Added to the diagonal of the kernels of finite depth, and of kriging."""
    data: str | None = None
    """Points of one's own: a file .npy (rows, coordinates), a file .npz with it and its labels, or
    "digits", those of scikit-learn; every data set is a random split of the rows."""
    labels: str | None = None
    """File (.npy) with the labels of these points."""
    classes: str | None = None
    """Two labels "a,b", for +1 and -1; other rows are left out.  Without it labels are +1 and -1,
    and digits are even or odd."""
    normalise: bool = False
    """Divide every row by its length; without it rows must lie on the sphere."""
    width: int = 128
    """Units per layer of the network, n."""
    distance: float = 1.0
    """Distance r = |x - x'| of the two inputs of the network."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the network; sums over samples are always double."""
    table: Annotated[Held, Parameter(parse=False)] = NOTHING
    """The points and labels +-1 that were read."""

    def __post_init__(self) -> None:
        checks.whole(self, "dimension", "points", "test", "width")
        if self.dimension > LARGEST_DIMENSION:
            raise ValueError(
                f"--dimension must be at most {LARGEST_DIMENSION}; got {self.dimension}."
            )
        if self.depth is not None:
            checks.whole(self, "depth")
        if not 0 < self.prior < 1:
            raise ValueError(f"--prior must be between 0 and 1; got {self.prior}.")
        if not 0 <= self.ridge < math.inf:
            raise ValueError(f"--ridge must be a finite number >= 0; got {self.ridge}.")
        if not 0 <= self.distance <= 2:
            raise ValueError(f"--distance must be from 0 to 2; got {self.distance}.")
        self._check_alphas()
        if self.data is None:
            refuse(self, "random data", "labels", "classes", "normalise")
        if self.data is not None or self.table:
            refuse(self, "data of one's own", "alpha1", "alpha2", "prior")
        if self.data is not None:
            refuse(self, "data of one's own", "dimension")

    def _check_alphas(self) -> None:
        for name in ("alpha1", "alpha2"):
            alphas = getattr(self, name)
            if any(not (math.isfinite(a) and a > 0) for a in alphas):
                raise ValueError(f"--{name} takes finite numbers > 0; got {_text(alphas)}.")
            if alphas and len(alphas) != self.dimension + 1:
                raise ValueError(
                    f"--{name} must have {self.dimension + 1} numbers at --dimension "
                    f"{self.dimension}; got {_text(alphas)}."
                )
        if bool(self.alpha1) != bool(self.alpha2):
            raise ValueError("--alpha1 and --alpha2 go together; give both or neither.")

    @property
    def alphas(self) -> tuple[Alphas, Alphas]:
        """The Dirichlet parameters of class +1 and of class -1."""
        if self.alpha1:
            return self.alpha1, self.alpha2
        ones = (1.0,) * self.dimension
        return PAIRS.get(self.dimension, ((*ones, 2.0), (2.0, *ones)))


def _text(alphas: Alphas) -> str:
    return ",".join(f"{a:g}" for a in alphas)


def check_votes(p: Params) -> None:
    """Refuse what has no meaning for data sets and their classifiers."""
    refuse(p, "votes", *OF_NETWORKS)
    if p.data is not None:
        raise ValueError("the data has not been read; see simulations.ntk_classifiers.prepared.")
    if not p.methods:
        raise ValueError("there are no methods; see simulations.ntk_classifiers.prepared.")
    refuse(p, "methods of one's own", "kernel", "depth")
    if len(set(p.methods)) < len(p.methods):
        raise ValueError(f"--methods names one twice; got {' '.join(p.methods)}.")
    if p.points > MAX_POINTS:
        raise ValueError(f"--points must be at most {MAX_POINTS}; got {p.points}.")
    if p.points * p.test > MAX_PAIRS:
        raise ValueError(
            f"--points times --test must be at most {MAX_PAIRS}; got {p.points * p.test}: take "
            "fewer test points and more --samples."
        )


def check_network(p: Params) -> None:
    """Refuse what has no meaning for a network of finite width."""
    refuse(p, "network", *OF_VOTES, *OF_FILES, "dimension", "table")
    if p.depth is None or p.depth > DEEPEST_NETWORK:
        raise ValueError(f"--depth of a network must be from 1 to {DEEPEST_NETWORK}.")
