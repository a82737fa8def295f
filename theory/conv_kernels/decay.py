r"""How the eigenvalues decay: exponents by sector and direction, and leading constants.

A label belongs to the sector l of the smallest meta-patch (level l, P_l patches) that holds all
its non-zero degrees.  When all degrees of the meta-patch grow together,

    Lambda_k ~ C |k|^(-2 nu - d_eff(l)),    nu = 1/2 (NTK), 3/2 (RFK),    d_eff(l) = (s_1 - 1) P_l,

|k| Euclidean, of k_i + (s_1 - 2)/2.  It is the transform of the singularity |theta|^(2 nu) of the
layer l at zero distance (1 - c = |theta|^2/(2 P_l)).  With FT(a, D) the transform of |x|^a,

    FT(a, D) = 2^(a + D) pi^(D/2) Gamma((a + D)/2)/Gamma(-a/2),     V = |S^(s_1 - 1)|^P_l,
    C_RFK = FT(3, D)/(3 pi P_l^(3/2) V) * M,     C_NTK = -l FT(1, D)/(pi sqrt(P_l) V) * M,
    M = E[prod_{j > l} k0(c_j)]/m_l,

c_j the correlations above the meta-patch at zero distance, all other inputs uniform, m_l the
number of meta-patches.  For l = 1 opposite patches are singular too, with the same coefficient and
the sign (-1)^k, so that M has two values (derived).

**Scope (derived).**  Along directions in which some degrees stay fixed, zero or not, other
singularities may win: each lower meta-patch has its own, and those of disjoint meta-patches
multiply.  The exponent is the least cost of covering the growing patches by disjoint meta-patches,

    sum over the meta-patches chosen of (3 + d_eff)        less 2 for the NTK, linear in k0.

One growing patch always decays with the exponent of level 1; two growing patches of a wide layer
with 2(3 + s_1 - 1) instead of 3 + d_eff, once d_eff is larger.
"""

import math
from collections.abc import Iterable, Sequence

from theory._checks import whole
from theory.conv_kernels._measures import ORDERS, Measure, compressed, mean, passed_on, point
from theory.conv_kernels._network import (
    SMOOTHNESS,
    checked_kind,
    checked_level,
    checked_sizes,
    effective_dimension,
    patches,
)
from theory.conv_kernels.kernels import arc
from theory.prediction import Prediction


def exponent(level: int, patch_sizes: Sequence[int], kind: str, fixed: Iterable[int] = ()) -> float:
    """b in Lambda_k ~ |k|^-b for labels of sector `level`, all of whose degrees grow together.

    `fixed`: the patches 0, ..., P_l - 1 of the meta-patch whose degrees stay as they are.  The
    decay is the slowest of all singularities (see above); where two tie, a logarithm may enter.
    Raises ValueError where no degree is left to grow.
    """
    sizes, kind = checked_sizes(patch_sizes), checked_kind(kind)
    sizes = sizes[: checked_level(level, sizes)]
    count, held = patches(sizes), list(fixed)
    for patch in held:
        if isinstance(patch, bool) or patch not in range(count):
            raise ValueError(f"fixed must hold patches 0 to {count - 1}, not {patch!r}.")
    growing = [i not in held for i in range(count)]
    if not any(growing):
        raise ValueError(f"fixed names all {count} patches; at least one degree must grow.")
    return _cost(growing, sizes) - (3 - 2 * SMOOTHNESS[kind])


def leading_constant(
    level: int, patch_sizes: Sequence[int], kind: str, odd: bool = False, positions: int = 1
) -> Prediction:
    """C in Lambda_k = C |k|^(-2 nu - d_eff(l)) (1 + O(1/k)), all degrees of the sector growing.

    `odd`: the parity of the one degree of sector 1; above, C is the same for all.  `positions`:
    p_L, the positions that the readout averages.  Raises ValueError for layers that see a single
    position, s_l = 1 at l >= 2, whose singularities coincide.
    """
    sizes, kind = checked_sizes(patch_sizes), checked_kind(kind)
    level, readout = checked_level(level, sizes), whole(positions, "positions")
    if 1 in sizes:
        raise ValueError(f"patch_sizes[1:] must be >= 2 here, not {sizes[1:]}: merge such layers.")
    P, D = patches(sizes, level), effective_dimension(level, sizes)
    sphere = math.log(2) + sizes[0] / 2 * math.log(math.pi) - math.lgamma(sizes[0] / 2)
    if kind == "rfk":
        local = _log_transform(3, D) - math.log(3 * math.pi) - 1.5 * math.log(P)
    else:
        local = _log_transform(1, D) - math.log(math.pi / level) - 0.5 * math.log(P)
    local = math.exp(local - P * sphere)
    fine, coarse = (_slopes_above(level, sizes, odd, order) for order in ORDERS)
    copies = readout * patches(sizes) // P
    value = local * fine / copies
    error = local * abs(fine - coarse) / copies + 1e-14 * local / copies
    return Prediction(value, error, "singularity at zero distance")


def _cost(growing: list[bool], sizes: tuple[int, ...]) -> float:
    """Least sum of 3 + d_eff over disjoint meta-patches that hold all growing patches."""
    if not any(growing):
        return 0.0
    whole_patch = 3.0 + effective_dimension(len(sizes), sizes)
    if len(sizes) == 1:
        return whole_patch
    width = patches(sizes[:-1])
    parts = [growing[i : i + width] for i in range(0, len(growing), width)]
    return min(whole_patch, sum(_cost(part, sizes[:-1]) for part in parts))


def _log_transform(a: int, D: int) -> float:
    """log |FT(a, D)| for odd a."""
    size = (a + D) * math.log(2) + D / 2 * math.log(math.pi)
    return size + math.lgamma((a + D) / 2) - math.lgamma(-a / 2)


def _slopes_above(level: int, sizes: tuple[int, ...], odd: bool, order: int) -> float:
    """E prod_{j > level} k0(c_j) at zero distance; for level 1 plus or minus that at pi."""
    near = _slope_product(level, sizes, 0.0, order)
    if level > 1:
        return near
    far = _slope_product(level, sizes, 1.0, order)
    return near - far if odd else near + far


def _slope_product(level: int, sizes: tuple[int, ...], delta: float, order: int) -> float:
    """The same, where the meta-patch passes on 1 - delta."""
    chain, total = point(delta), 1.0
    for above in range(level + 1, len(sizes) + 1):
        below = sizes[: above - 1]
        uniform = passed_on((0,) * patches(below), below, order)
        chain = mean([*[uniform] * (sizes[above - 1] - 1), chain], order)
        psi, turn = arc(chain.delta)
        weight = (1 - turn) * chain.weight  # k0(c) = 1 - turn
        total = float(weight.sum())
        chain = compressed(Measure(psi, weight, 0 * weight), order)
    return total
