"""The tree of patches of a convolutional network, checked: sizes, kinds, meta-patches."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from theory._checks import whole

Array = npt.NDArray[np.float64]

SMOOTHNESS = {"ntk": 0.5, "rfk": 1.5}
"""nu: half the degree of the kernel's singularity at zero distance."""


def checked_kind(kind: str) -> str:
    """The kind in lower case, "rfk" or "ntk"; ValueError otherwise."""
    if not isinstance(kind, str) or kind.lower() not in SMOOTHNESS:
        raise ValueError(f'kind must be "rfk" or "ntk", not {kind!r}.')
    return kind.lower()


def checked_sizes(patch_sizes: Sequence[int]) -> tuple[int, ...]:
    """(s_1, ..., s_L) as ints, s_1 >= 2 and the others >= 1; ValueError otherwise."""
    try:
        entries = list(patch_sizes)
    except TypeError:
        raise ValueError(f"patch_sizes must be (s_1, ..., s_L), not {patch_sizes!r}.") from None
    if not entries:
        raise ValueError("patch_sizes must hold one size for each hidden layer; it is empty.")
    sizes = tuple(whole(s, f"patch_sizes[{i}]") for i, s in enumerate(entries))
    if sizes[0] == 1:
        raise ValueError("patch_sizes[0] must be >= 2: a normalised patch of one pixel is a sign.")
    return sizes


def checked_level(level: int, sizes: tuple[int, ...]) -> int:
    """A level in 1, ..., L; ValueError otherwise."""
    number = whole(level, "level")
    if number > len(sizes):
        raise ValueError(f"level must be at most {len(sizes)}, the hidden layers, not {level!r}.")
    return number


def patches(sizes: tuple[int, ...], level: int | None = None) -> int:
    """P_l = s_2 ... s_l, the patches of a meta-patch of level l; of the top level by default."""
    return math.prod(sizes[1:level])


def effective_dimension(level: int, patch_sizes: Sequence[int]) -> int:
    """d_eff(l) = (s_1 - 1) s_2 ... s_l: angles, not pixels, of a meta-patch of level l."""
    sizes = checked_sizes(patch_sizes)
    return (sizes[0] - 1) * patches(sizes, checked_level(level, sizes))


def positions(count: int, sizes: tuple[int, ...]) -> int:
    """p_L, the positions left after the last layer, of an input of `count` patches."""
    tree = patches(sizes)
    if count < 1 or count % tree:
        raise ValueError(
            f"an input must have a multiple of s_2 ... s_L = {tree} patches, not {count}."
        )
    return count // tree
