"""Parameters of the simulations of convolutional kernels, and what each experiment refuses.

Light to import: the command line builds its options from these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from simulations import checks
from simulations.checks import refuse

Kind = Literal["ntk", "rfk"]
Many = Parameter(consume_multiple=True, negative=())
"""An option with several words: --patch-sizes 2 2 2."""

MAX_POINTS = 8192
"""A matrix of 8192 x 8192 numbers is half a gigabyte."""
MAX_ORBIT = 4096
"""Points at which the kernel is evaluated for one sample of an eigenvalue."""
MAX_COLUMNS = 32
"""Vectors (positions times two inputs) that one layer of a network is applied to."""

OF_LEARNING = ("student", "teacher", "level", "points", "test", "ridge")
OF_EIGENVALUES = ("kind", "labels")
OF_NETWORKS = ("width", "angles", "sampler", "dtype")


@dataclass(frozen=True, kw_only=True)
class Params:
    """The tree of patches, and what is done with its kernels."""

    patch_sizes: Annotated[tuple[int, ...], Many] = (2, 2)
    """Patch sizes s_1 ... s_L of the hidden layers."""
    student: Kind = "ntk"
    """Kernel that learns."""
    teacher: Kind = "ntk"
    """Covariance of the Gaussian field that is learnt."""
    level: int | None = None
    """Level of the meta-patch that the field depends on; all of the input by default."""
    points: int = 256
    """Points of a design, n."""
    test: int = 128
    """Test points of a design."""
    ridge: float = 0.0
    """Added to the diagonal of the student's matrix."""
    kind: Kind = "ntk"
    """Kernel whose eigenvalue is measured."""
    labels: Annotated[tuple[int, ...], Many] = ()
    """Degree of the harmonic of each patch; by default 1 0 ... 0."""
    width: int = 64
    """Channels of every hidden layer."""
    angles: Annotated[tuple[float, ...], Many] = ()
    """Angle between the two inputs at each patch; by default spread over (0, pi)."""
    sampler: Literal["exact", "explicit"] = "exact"
    """Exact law of the layers, or explicit weights."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of a network's draws and state; all else is double."""

    def __post_init__(self) -> None:
        sizes = self.patch_sizes
        if not sizes or min(sizes) < 1 or sizes[0] < 2:
            raise ValueError(
                f"--patch-sizes must be s_1 >= 2 and then sizes >= 1, as in 2 2 2; got {sizes}."
            )
        checks.whole(self, "points", "test", "width")
        if not (math.isfinite(self.ridge) and self.ridge >= 0):
            raise ValueError(f"--ridge must be a finite number >= 0; got {self.ridge}.")
        if self.level is not None and not 1 <= self.level <= len(sizes):
            raise ValueError(f"--level must be from 1 to {len(sizes)}; got {self.level}.")
        for angle in self.angles:
            if not math.isfinite(angle):
                raise ValueError(f"--angles must be finite numbers; got {angle}.")
        for label in self.labels:
            if label < 0:
                raise ValueError(f"--labels must be degrees >= 0; got {label}.")
        for name in ("labels", "angles"):
            given = len(getattr(self, name))
            if given % self.patches:
                raise ValueError(
                    f"--{name}: one for each patch, a multiple of {self.patches} with "
                    f"--patch-sizes {' '.join(map(str, sizes))}; got {given}."
                )

    @property
    def patches(self) -> int:
        """s_2 ... s_L, the patches below one unit of the last layer."""
        return math.prod(self.patch_sizes[1:])

    @property
    def teacher_sizes(self) -> tuple[int, ...]:
        """Patch sizes of the teacher, a meta-patch of its level."""
        return self.patch_sizes[: self.level]

    @property
    def degrees(self) -> tuple[int, ...]:
        """The labels, or 1 0 ... 0."""
        return self.labels or (1, *(0,) * (self.patches - 1))

    @property
    def separation(self) -> tuple[float, ...]:
        """The angles, or pi (i + 1/2)/p at patch i."""
        return self.angles or tuple(math.pi * (i + 0.5) / self.patches for i in range(self.patches))


def orbit(p: Params) -> int:
    """Points at which the kernel is evaluated for one sample of its eigenvalue.

    For every patch of degree k > 0 there are 2k rotations, or 2 antipodes where s_1 > 2.
    """
    return math.prod((2 * k if p.patch_sizes[0] == 2 else 2) for k in p.degrees if k)


def check_learning(p: Params) -> None:
    """Refuse what has no meaning for regression."""
    refuse(p, "learning", *OF_EIGENVALUES, *OF_NETWORKS)
    for name in ("points", "test"):
        if getattr(p, name) > MAX_POINTS:
            raise ValueError(f"--{name} must be at most {MAX_POINTS}; got {getattr(p, name)}.")


def check_eigenvalue(p: Params) -> None:
    """Refuse what has no meaning for an eigenvalue."""
    refuse(p, "eigenvalues", *OF_LEARNING, *OF_NETWORKS)
    if orbit(p) > MAX_ORBIT:
        raise ValueError(
            f"--labels {' '.join(map(str, p.degrees))} need {orbit(p)} values of the kernel for "
            f"one sample, more than {MAX_ORBIT}; take smaller or fewer degrees."
        )


def check_network(p: Params) -> None:
    """Refuse what has no meaning for networks, and inputs of too many patches."""
    refuse(p, "networks", *OF_LEARNING, *OF_EIGENVALUES)
    columns = max([2 * len(p.separation) // p.patch_sizes[1], 2] if p.patch_sizes[1:] else [2])
    if columns > MAX_COLUMNS:
        raise ValueError(
            f"the second layer sees {columns // 2} positions; at most {MAX_COLUMNS // 2} are taken."
        )
