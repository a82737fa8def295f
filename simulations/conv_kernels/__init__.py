r"""Twin of `theory.conv_kernels`: kernels of wide convolutional networks that learn.

The tree of patches is `patch_sizes` = (s_1, ..., s_L); inputs are uniform on the multisphere, one
unit vector in R^{s_1} for each of the patches.

LEARNING    One sample is a design of `points` points with `test` test points: a student kernel
            interpolates a Gaussian field whose covariance is the teacher kernel, that of a
            meta-patch of `level`.  error = mean over the test points of the exact expected squared
            error given the design (no field is drawn); log_error = mean over designs of its
            logarithm; ridged = share of designs whose matrix was singular in double precision,
            which are solved with the smallest ridge among 1e-14, 1e-13, ... that helps.
EIGENVALUE  One sample is a displacement of the patches, uniform: eigenvalue = mean of
            K(x, y) prod_i Y_{k_i}(angle between x_i and y_i), Y_k(0) = 1, averaged over those
            rotations of each patch of degree k that can but change the sign of Y_k.
NETWORK     One sample is a random ReLU network with `width` channels in every hidden layer, on two
            inputs; all patches of the first input are equal, `angles` are those to the second.
            rfk = 2 <h_L(x), h_L(y)>/width, averaged over the positions left, whose limit is the
            kernel; rfk_xx = the same of x with itself; rfk_square = mean of the square of rfk;
            width_var_rfk, width_var_rfk_xx = width times the variance over networks.
"""

from simulations.conv_kernels.experiments import EIGENVALUE, LEARNING, NETWORK
from simulations.conv_kernels.params import Params
from simulations.conv_kernels.quantities import TWIN, TWINS, curve

__all__ = [
    "EIGENVALUE",
    "LEARNING",
    "NETWORK",
    "TWIN",
    "TWINS",
    "Params",
    "curve",
]
