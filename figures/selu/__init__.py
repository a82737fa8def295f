"""Figures of self-normalising networks (Klambauer et al., arXiv:1706.02515).

The moment map and where it contracts, its fixed points, small variances, the proofs as boxes and as
a funnel, and what is left at finite width. Only `networks` simulates; all else is computed.
"""

from figures.selu import fixed_points, maps, networks, proofs, small_variance

FIGURES = (
    *maps.FIGURES,
    *fixed_points.FIGURES,
    *small_variance.FIGURES,
    *proofs.FIGURES,
    *networks.FIGURES,
)
