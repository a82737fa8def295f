r"""What wide convolutional networks learn (Cagnetta, Favero and Wyart, arXiv:2208.01003).

Setup
    L hidden ReLU convolutional layers with non-overlapping patches of s_1, ..., s_L positions,
    infinitely many channels, then a linear readout that averages the p_L positions left (1 unless
    said).  So an input is p = s_2 ... s_L p_L patches of s_1 numbers, and each patch is
    normalised: a point of the sphere in R^s_1, an angle for s_1 = 2.

    k1(c) = (sqrt(1 - c^2) + (pi - arccos c) c)/pi,    k0(c) = k1'(c) = (pi - arccos c)/pi
    c <- mean k1(c),    t <- mean(k0(c) t + k1(c)),    the means over the s_(l+1) children,

from c = t = <x_i, y_i> of each pair of patches; K_RFK = c (the covariance of the random network)
and K_NTK = t (the tangent kernel) after L layers.

Conventions
    `patch_sizes` is (s_1, ..., s_L): L is its length, and the readout is not counted.  `kind` is
    "rfk" or "ntk".  A meta-patch of level l is the P_l = s_2 ... s_l patches below one unit of
    layer l; it has effective dimension d_eff(l) = (s_1 - 1) P_l.  Labels are the degrees of
    harmonics, one for each patch; inputs are uniform.  Overlapping patches are outside.

Modules: `kernels` (values and matrices), `spectra` (eigenvalues, C1 and C4), `decay` (exponents
and constants, C2 and C3), `learning` (C5).  Of the paper the abstract and the authors' code were
seen; formulas are recalled or derived, and derived again where they are used.
"""

from theory.conv_kernels._network import effective_dimension
from theory.conv_kernels.decay import exponent, leading_constant
from theory.conv_kernels.kernels import gram, kernel, kernel_gap
from theory.conv_kernels.learning import (
    LearningCurve,
    error_given_design,
    learning_curve,
    learning_exponent,
)
from theory.conv_kernels.spectra import Spectrum, eigenvalue, one_hidden_layer, spectrum

__all__ = [
    "LearningCurve",
    "Spectrum",
    "effective_dimension",
    "eigenvalue",
    "error_given_design",
    "exponent",
    "gram",
    "kernel",
    "kernel_gap",
    "leading_constant",
    "learning_curve",
    "learning_exponent",
    "one_hidden_layer",
    "spectrum",
]
