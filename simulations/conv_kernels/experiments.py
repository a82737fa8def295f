"""The experiments on convolutional kernels: their blocks, and the estimates made of them.

What each measures is said in `simulations.conv_kernels`.  Regression and eigenvalues are numpy in
double precision with the kernels of `theory`: what is checked there is not the kernel.  Networks
are jax, and know no kernel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from simulations.accumulators import Block, Moments
from simulations.arrays import Array
from simulations.conv_kernels import params as checks
from simulations.conv_kernels.params import Params, orbit
from simulations.core import Estimate, Experiment, Result, generator, one_thread, samples_per_block

if TYPE_CHECKING:
    import jax

    from simulations.conv_kernels.networks import Code

RIDGES = tuple(10.0**k for k in range(-14, -8))
"""Added to a matrix that is singular in double precision.  They are far below the n-th eigenvalue
of a design of n <= 8192 points, except for very smooth kernels on few patches."""
RESOLUTION = 1e-15
"""An error is a difference of numbers of order 1: below this it counts as this."""
ENTRIES = 1 << 20
"""Values of a kernel in a full block, about a quarter of a second."""
LEARNING_NAMES = ("error", "log_error", "ridged")
NETWORK_NAMES = ("rfk", "rfk_xx", "rfk_square")


def learning_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of designs: the student's error on each."""
    one_thread()
    found = [_error(generator(key, i), p) for i in range(count)]
    error, ridged = np.array(found).T
    log = np.log(np.maximum(error, RESOLUTION))
    return {"learning": Moments.of_numpy(np.array([error, log, ridged]))}


def eigenvalue_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of displacements: kernel times harmonics."""
    return {"eigenvalue": Moments.of_numpy(_products(generator(key, 0), p, count)[None, :])}


def network_block(key: jax.Array, p: Params, count: int) -> Block:
    """One block of networks: the covariance that their last hidden layer gives the output."""
    from simulations import coupled, forward
    from simulations.conv_kernels.networks import network_statistics

    angles = np.array(p.separation)
    real = np.dtype(p.dtype).type
    dynamic = {"cosine": np.cos(angles).astype(real), "sine": np.sin(angles).astype(real)}
    code = _code(p)
    return dict(
        coupled.compiled(network_statistics, code, forward.lanes_here())(key, count, dynamic)
    )


def _error(rng: np.random.Generator, p: Params) -> tuple[float, bool]:
    """Error of one design, and whether it took a ridge that was not asked for."""
    from theory.conv_kernels import error_given_design

    kernels = (p.patch_sizes, p.student), (p.teacher_sizes, p.teacher)
    design, test = _uniform(rng, p, p.points), _uniform(rng, p, p.test)
    for ridge in (0.0, *RIDGES[:-1]):
        try:
            return error_given_design(design, test, *kernels, p.ridge + ridge), ridge > 0
        except ValueError:
            continue
    return error_given_design(design, test, *kernels, p.ridge + RIDGES[-1]), True


def _uniform(rng: np.random.Generator, p: Params, count: int) -> Array:
    """Points on the multisphere: angles (count, patches), or unit vectors."""
    first = p.patch_sizes[0]
    if first == 2:
        return np.asarray(rng.uniform(0, 2 * math.pi, (count, p.patches)))
    x = rng.standard_normal((count, p.patches, first))
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def _products(rng: np.random.Generator, p: Params, count: int) -> Array:
    """Kernel times harmonics, averaged over the rotations of every displacement."""
    from theory.conv_kernels import kernel

    rotated = [_rotations(rng, p.patch_sizes[0], k, count) for k in p.degrees]
    index = np.indices([angles.shape[1] for angles, _ in rotated]).reshape(len(rotated), -1)
    angles = np.stack([a[:, i] for (a, _), i in zip(rotated, index, strict=True)], axis=-1)
    harmonics = [h[:, i] for (_, h), i in zip(rotated, index, strict=True)]
    values = kernel(angles, p.patch_sizes, p.kind)
    return np.asarray(np.mean(values * math.prod(harmonics), axis=1))


def _rotations(rng: np.random.Generator, size: int, degree: int, count: int) -> tuple[Array, Array]:
    """Angles (count, rotations) of one patch, and its harmonic of this degree there.

    The harmonics of the rotations differ in sign alone, so that their mean cancels most of what
    the kernel has of all other degrees.
    """
    if size == 2:
        steps = np.arange(2 * degree or 1) * math.pi / (degree or 1)
        angles = rng.uniform(0, 2 * math.pi, (count, 1)) + steps
        return angles, np.cos(degree * angles)
    from scipy.special import binom, eval_gegenbauer

    x = rng.standard_normal((count, size))
    cosine = (x[:, 0] / np.linalg.norm(x, axis=1))[:, None] * [[1.0, -1.0] if degree else [1.0]]
    harmonic = eval_gegenbauer(degree, size / 2 - 1, cosine) / binom(degree + size - 3, degree)
    return np.arccos(np.clip(cosine, -1, 1)), harmonic


def _code(p: Params) -> Code:
    from simulations.conv_kernels.networks import Code

    return Code(p.width, p.patch_sizes, len(p.separation), p.dtype, p.sampler == "explicit")


def learning_estimates(block: Block, p: Params) -> Result:
    """Named estimates of the error."""
    return {name: Estimate.of(block["learning"], k) for k, name in enumerate(LEARNING_NAMES)}


def eigenvalue_estimates(block: Block, p: Params) -> Result:
    """The eigenvalue."""
    return {"eigenvalue": Estimate.of(block["eigenvalue"], 0)}


def network_estimates(block: Block, p: Params) -> Result:
    """Named estimates of the kernel of finite networks."""
    result: Result = {n: Estimate.of(block["network"], k) for k, n in enumerate(NETWORK_NAMES)}
    for k, name in enumerate(("width_var_rfk", "width_var_rfk_xx")):
        result[name] = Estimate.of(block["spread"], k).times(p.width)
    return result


def learning_block_size(p: Params) -> int:
    """Samples in a full block: a power of two."""
    entries = p.points * (p.points + p.test) * p.patches
    return _power_of_two(2 * ENTRIES // entries)


def eigenvalue_block_size(p: Params) -> int:
    """Samples in a full block: a power of two."""
    return _power_of_two(2 * ENTRIES // (orbit(p) * len(p.degrees)))


def _power_of_two(most: int) -> int:
    return 1 << max(0, most.bit_length() - 1)


def network_block_size(p: Params) -> int:
    """Samples in a full block of networks."""
    code = _code(p)
    return samples_per_block(sum(code.draws), code.batch)


LEARNING = Experiment(
    "conv_kernels/learning",
    Params,
    learning_block,
    learning_estimates,
    learning_block_size,
    check=checks.check_learning,
)
EIGENVALUE = Experiment(
    "conv_kernels/eigenvalue",
    Params,
    eigenvalue_block,
    eigenvalue_estimates,
    eigenvalue_block_size,
    check=checks.check_eigenvalue,
)
NETWORK = Experiment(
    "conv_kernels/network",
    Params,
    network_block,
    network_estimates,
    network_block_size,
    code=_code,
    check=checks.check_network,
)
