r"""Infinitely wide and deep classifiers (Radhakrishnan, Belkin, Uhler, arXiv:2204.14126).

Setup
    Inputs x on the non-negative part of the unit sphere S^d of R^{d+1}: d is the INTRINSIC
    dimension.  Activation phi with E phi(z)^2 = 1, its dual D(x) = E phi(u) phi(v), and the kernels
    of L hidden layers without biases, NNGP Sigma_L and NTK K_L (`recursions`).  The classifier
    sign K_L(x, X) K_L(X, X)^{-1} y is taken to L -> infinity at fixed n, and only then n grows.
    Three numbers decide: A = E phi, A' = E phi', B' = E phi'^2.

Conventions
    Kernels take distances r = |x - x'|, not correlations, which forget r below 1e-8; `distances`
    makes them from coordinates.  Activations are divided by their root mean square.  Labels are
    +1 and -1.  Depth counts hidden layers.

Modules: `dual` (C1), `design` (C2), `regimes`, `recursions` (C1), `limits` (C3 to C5), `majority`
(C6), `predictor` (C7), `votes`, `risk` and `averages` (C8), `bayes` (C10).  Formulas are
derived, or recalled and derived again; of the paper the abstract and the code were seen.
"""

from theory.ntk_classifiers.averages import boundary, global_average
from theory.ntk_classifiers.bayes import DirichletPair, bayes_risk
from theory.ntk_classifiers.design import optimal_dual, sine_exponent, sine_parameter
from theory.ntk_classifiers.dual import Dual, dual
from theory.ntk_classifiers.limits import (
    Ripple,
    bottcher,
    exponent,
    koenigs,
    koenigs_kernel,
    ntk_offset,
    ripple,
)
from theory.ntk_classifiers.majority import (
    FixedPoint,
    critical_ratio,
    critical_vote,
    drift,
    fixed_point,
    kriging,
    ridge_vote,
)
from theory.ntk_classifiers.predictor import Scores, predictor
from theory.ntk_classifiers.recursions import distances, kernel_gap, nngp, ntk, ntk_diagonal
from theory.ntk_classifiers.regimes import DepthNeeded, Regime, depth_needed, regime
from theory.ntk_classifiers.risk import asymptotic_risk, excess_risk, positive_probability
from theory.ntk_classifiers.votes import Vote, hilbert_classify, hilbert_vote

__all__ = [
    "DepthNeeded",
    "DirichletPair",
    "Dual",
    "FixedPoint",
    "Regime",
    "Ripple",
    "Scores",
    "Vote",
    "asymptotic_risk",
    "bayes_risk",
    "bottcher",
    "boundary",
    "critical_ratio",
    "critical_vote",
    "depth_needed",
    "distances",
    "drift",
    "dual",
    "excess_risk",
    "exponent",
    "fixed_point",
    "global_average",
    "hilbert_classify",
    "hilbert_vote",
    "kernel_gap",
    "koenigs",
    "koenigs_kernel",
    "kriging",
    "nngp",
    "ntk",
    "ntk_diagonal",
    "ntk_offset",
    "optimal_dual",
    "positive_probability",
    "predictor",
    "regime",
    "ridge_vote",
    "ripple",
    "sine_exponent",
    "sine_parameter",
]
