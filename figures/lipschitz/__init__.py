"""Figures of certified Lipschitz bounds (Fazlyab et al., 2019; Pauli et al., 2024).

Bounds and times over depth and width, the closing bracket, tightness on trained networks, and
certified radii.  Nothing is random; what takes long is stored by `figures.lipschitz.measure`.
"""

from figures.lipschitz import bracket, growth, radii, tightness

FIGURES = (*growth.FIGURES, *bracket.FIGURES, *tightness.FIGURES, *radii.FIGURES)
