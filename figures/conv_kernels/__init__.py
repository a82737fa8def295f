"""Figures of wide convolutional networks (Cagnetta, Favero and Wyart, arXiv:2208.01003).

The tree of patches, the eigenvalues by sector and by direction, and how fast the kernels learn a
target that depends on few patches. Only `learning` simulates; all else is computed.
"""

from figures.conv_kernels import learning, spectra, tree

FIGURES = (*tree.FIGURES, *spectra.FIGURES, *learning.FIGURES)
