r"""Certified Lipschitz bounds by LipSDP and LipSDP-NSR.

Papers
    Fazlyab et al., arXiv:1906.04893 (LipSDP); Pauli et al., arXiv:2401.14033 (MaxMin, GroupSort,
    Householder: LipSDP-NSR); Xu and Sivaranjani, arXiv:2404.04375 (ECLipsE-Fast).

What is bounded
    |f(x) - f(y)| <= L |x - y| for all inputs of the real function that the float weights define:
    Euclidean norms (norm "l2"), or l_inf -> |.| and l_inf -> l_1 ("linf"; no square root there).
    Biases do not matter.

    bound(network)                 certified upper bound, with the solver's own lower bound
    lower_bound(network)           measured: no bound may be below it
    verify_certificate(...)        checks a proof, without any code of the solvers
    margins, certified_radii       differences of two logits; radii for classification
    lipschitz_estimate             differentiable, for training (needs jax)

Chain of the bounds: sampled <= true constant <= fgl <= nsr-full <= nsr-diag <= lambda-only <=
product, and fgl <= lipsdp <= eclipse-fast <= product for slopes in [0, 1].
"""

from theory.lipschitz.bounds import METHODS, Bound, bound
from theory.lipschitz.certificate import Certificate, Verification, verify_certificate
from theory.lipschitz.convolution import convolution
from theory.lipschitz.differentiable import lipschitz_estimate
from theory.lipschitz.loading import load_network
from theory.lipschitz.lower import LowerBound, lower_bound, sampled_gradients
from theory.lipschitz.margins import Margins, Radii, certified_radii, margins, pair_network
from theory.lipschitz.network import Network, Stage
from theory.lipschitz.nonlinearity import Nonlinearity, nonlinearity

methods = tuple(METHODS)
"""Names for `bound(network, method=...)`."""

__all__ = [
    "METHODS",
    "Bound",
    "Certificate",
    "LowerBound",
    "Margins",
    "Network",
    "Nonlinearity",
    "Radii",
    "Stage",
    "Verification",
    "bound",
    "certified_radii",
    "convolution",
    "lipschitz_estimate",
    "load_network",
    "lower_bound",
    "margins",
    "methods",
    "nonlinearity",
    "pair_network",
    "sampled_gradients",
    "verify_certificate",
]
