"""Figures of the infinite-depth limit of finite-width residual networks (Hayou, arXiv:2210.00688).

They show the same quantities as the paper does, measured anew and set against `theory.depth_limit`.
"""

from figures.depth_limit import (
    every_width,
    log_norm,
    long_horizon,
    maps,
    neurons,
    sign_map,
    width_one,
)

FIGURES = (
    *width_one.FIGURES,
    *log_norm.FIGURES,
    *neurons.FIGURES,
    *sign_map.FIGURES,
    *every_width.FIGURES,
    *maps.FIGURES,
    *long_horizon.FIGURES,
)
