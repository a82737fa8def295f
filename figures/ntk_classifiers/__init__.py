"""Figures of infinitely wide and deep classifiers (Radhakrishnan et al., arXiv:2204.14126).

The kernels: their factor R, their exponents at finite depth, and ReLU; which classifier a finite
depth gives; and how its risk falls, or does not, with the number of points.
"""

from figures.ntk_classifiers import consistency, depth, kernels

FIGURES = (*kernels.FIGURES, *depth.FIGURES, *consistency.FIGURES)
