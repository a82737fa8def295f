r"""The semidefinite programs as published, dense, for cvxpy and Clarabel: an oracle for small nets.

For every layer, increments v of the pre-activations and e of the activations obey

    slopes   [v; e]^T [[-2 a b T, (a + b) T], [(a + b) T, -2 T]] [v; e] >= 0,   T = diag(l) >= 0
    groups   [v; e]^T [[T - 2 S, P + S], [P + S, -T - 2 P]] [v; e] >= 0,
             T = diag(l) (x) I + diag(gamma) (x) K, S = diag(nu) (x) K, P = diag(tau) (x) K,

K = 1 1^T (GroupSort) or I - u u^T (Householder); gamma, nu, tau of any sign (Fazlyab et al., arXiv
1906.04893; Pauli et al., arXiv 2401.14033).  Nothing here comes from `theory.lipschitz`.
"""

import math
import warnings

import cvxpy
import numpy as np
import scipy.linalg


class Layer:
    """v and e as rows over the stacked signals (x, e_1, e_2, ...)."""

    def __init__(self, v, e):
        self.v, self.e = v, e


def feed_forward(weights):
    """Layers and output map of W_L phi(... phi(W_1 x))."""
    return residual([(None, None, w) for w in weights[:-1]], weights[-1])


def residual(blocks, last, first=None):
    """The same of x <- H x + G phi(W x) for blocks (H, G, W); None: H = 0, G = I."""
    inputs = blocks[0][2].shape[1] if first is None else first.shape[1]
    size = inputs + sum(w.shape[0] for _, _, w in blocks)
    x = np.eye(inputs, size) if first is None else first @ np.eye(inputs, size)
    layers, start = [], inputs
    for h, g, w in blocks:
        e = np.eye(w.shape[0], size, start)
        layers.append(Layer(w @ x, e))
        x = (0 if h is None else h @ x) + (e if g is None else g @ e)
        start += w.shape[0]
    return layers, last @ x, inputs


def implicit(loop, inner, outer):
    """The same of outer e, e = phi(loop e + inner x)."""
    units, inputs = inner.shape
    e = np.eye(units, inputs + units, inputs)
    return [Layer(np.hstack([inner, loop]), e)], outer @ e, inputs


def slopes(layer, lower=0.0, upper=1.0, factor=2.0):
    """The quadratic form that is >= 0; `factor` 2 is right."""
    t = cvxpy.diag(cvxpy.Variable(layer.v.shape[0], nonneg=True))
    a, b = (np.broadcast_to(np.asarray(s, dtype=float), layer.v.shape[0]) for s in (lower, upper))
    cross = layer.v.T @ np.diag(a + b) @ t @ layer.e
    inside = layer.v.T @ np.diag(2 * a * b) @ t @ layer.v
    return cross + cross.T - inside - factor * layer.e.T @ t @ layer.e


def groups(layer, kernel, free=("gamma", "nu", "tau")):
    """The same for groups with K = `kernel`; parameters that are not in `free` are 0."""
    size = kernel.shape[0]
    count = layer.v.shape[0] // size
    t = _blocks(cvxpy.Variable(count, nonneg=True), np.eye(size))
    zero = cvxpy.Constant(np.zeros((count * size, count * size)))
    gamma, nu, tau = (
        _blocks(cvxpy.Variable(count), kernel) if name in free else zero
        for name in ("gamma", "nu", "tau")
    )
    t = t + gamma
    cross = layer.v.T @ (tau + nu) @ layer.e
    inside = layer.v.T @ (t - 2 * nu) @ layer.v
    return inside + cross + cross.T - layer.e.T @ (t + 2 * tau) @ layer.e


def lipschitz(layer, bound=1.0, size=1):
    """2 l (bound^2 |v|^2 - |e|^2) per group of `size`."""
    count = layer.v.shape[0] // size
    t = _blocks(cvxpy.Variable(count, nonneg=True), np.eye(size))
    return bound**2 * layer.v.T @ t @ layer.v - layer.e.T @ t @ layer.e


def _blocks(numbers, kernel):
    return cvxpy.kron(cvxpy.diag(numbers), kernel)


def kept(network, kernel):
    """Basis of the signals with K v = K e in every group, which all true increments obey.

    Restricted to it gamma, nu and tau do not matter, and the infimum over them is attained.
    """
    layers = network[0]
    count = layers[0].v.shape[0] // len(kernel)
    rows = [np.kron(np.eye(count), kernel) @ (layer.v - layer.e) for layer in layers]
    return scipy.linalg.null_space(np.vstack(rows), rcond=1e-10)


def optimum(network, form, norm="l2", *, within=None, factor=2.0):
    """The least bound of (layers, output, inputs) with the constraint `form(layer)` each.

    `within`: for signals in the span of its columns only.  `factor` (2 rho - sum mu) is there for
    a wrong variant.
    """
    layers, output, inputs = network
    size = output.shape[1]
    rest = -sum(form(layer) for layer in layers) if layers else np.zeros((size, size))
    if norm == "l2":
        rho = cvxpy.Variable()
        corner = np.diag((np.arange(size) < inputs).astype(float))
        matrix = rho * corner + rest - output.T @ output
        if within is not None:
            matrix = within.T @ matrix @ within
        value = rho
    else:
        mu, delta = cvxpy.Variable(inputs), cvxpy.Variable(output.shape[0])
        corner = np.eye(inputs, size).T @ cvxpy.diag(mu) @ np.eye(inputs, size) + rest
        if within is not None:
            corner, output = within.T @ corner @ within, output @ within
        matrix = cvxpy.bmat([[corner, output.T], [output, cvxpy.diag(delta)]])
        value = (cvxpy.sum(mu) + cvxpy.sum(delta)) / factor
    problem = cvxpy.Problem(cvxpy.Minimize(value), [(matrix + matrix.T) / 2 >> 0])
    with warnings.catch_warnings():
        # An infimum that is not attained is not reached to these tolerances.
        warnings.filterwarnings("ignore", "Solution may be inaccurate")
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    if problem.status not in ("optimal", "optimal_inaccurate"):
        raise ValueError(f"the oracle ends with {problem.status}.")
    return math.sqrt(problem.value) if norm == "l2" else float(problem.value)


def pattern_maximum(weights, diagonals):
    """max |W_L D ... D W_1| over D from `diagonals`, a list of lists of matrices per layer."""
    products = [weights[0]]
    for w, choices in zip(weights[1:], diagonals, strict=True):
        products = [w @ d @ p for d in choices for p in products]
    return max(np.linalg.norm(p, 2) for p in products)
