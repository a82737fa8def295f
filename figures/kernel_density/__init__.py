"""Figures of kernel density estimation in large dimension (Biroli and Mezard, arXiv:2408.05807).

The phase diagram and the risk; laws, sizes and shares in the three regimes; and where estimates of
n points in dimension d lie, under a rule of thumb and under cross-validation.
"""

from figures.kernel_density import bandwidths, fluctuations, phases

FIGURES = (*phases.FIGURES, *fluctuations.FIGURES, *bandwidths.FIGURES)
