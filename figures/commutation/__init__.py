"""Figures of the width and depth limits that commute (Hayou and Yang, arXiv:2302.00453).

Networks of many sizes, measured, and set against `theory.commutation`; perceptrons and shaped
networks, whose limits do not commute, beside them.
"""

from figures.commutation import flow, laws, shaped, sizes

FIGURES = (*sizes.FIGURES, *flow.FIGURES, *laws.FIGURES, *shaped.FIGURES)
