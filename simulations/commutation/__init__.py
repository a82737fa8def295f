r"""Twin of `theory.commutation`: kernels of residual networks and perceptrons of finite size.

    Y_0 rows i.i.d. N(0, gram),  hat q_l(a, b) = <Y_l(a), Y_l(b)> / n,  inputs a, b, c, ...
    resnet   Y_l = Y_{l-1} + alpha_l (sqrt(time) W_l phi(Y_{l-1}) + sigma_b b_l),  W_l ~ N(0, 1/n);
             or sqrt(time) W'_l phi(W_l Y_{l-1}) with an inner width
    mlp      Y_l = sigma_w W_l phi(Y_{l-1}) + sigma_b b_l
    shaped   Y_l = sigma_w W_l phi_s(Y_{l-1}),  phi_s(x) = s_+ max(x, 0) + s_- min(x, 0),
             s_+- = 1 + c_+- / sqrt(n),  sigma_w^2 = 2 / (s_+^2 + s_-^2)

alpha_l = L^-gamma unless `branch` gives them.  An estimate is of the network after L layers; with
`@t` after l = t L layers.  Given alive: Y(a), or Y(a) and Y(b), has not vanished, which ReLU does
with probability 2^-n in every layer of an mlp.

PATHS   q_aa, q_ab, ... the means of hat q; correlation (of a and b; correlation_ac, ... of others)
        given alive; log_q = log hat q(a, a) given alive, and var_log_q its variance; alive;
        n_var_q_aa and n_var_q_ab = n times the variance of hat q; positive = share of the
        coordinates of Y(a) above 0.  In a resnet also third_moment and fourth_moment of the
        coordinates of Y(a), and displacement = |Y_L(a) - Y_0(a)|^2 / n.  With a reference kernel:
        error_aa and error_ab = root mean square of hat q less the reference; sup_error_aa = the
        largest of these over all layers; l2_sup_error_aa = root mean square of the largest error
        along each path.  Law `law`, with edges: of `binned`, a statistic, or the first coordinate
        of Y(a) (neuron), of Y(a) - Y(b) (difference), the product of those of Y(a) and Y(b), or the
        number of positive coordinates of Y(a) (active).
NTK     f = <v, phi(Y_L)> / sqrt(n), all parameters N(0, 1) with their factors written out:
        ntk_aa, ntk_ab, ... = <df(a), df(b)> over all parameters; log_ntk_aa; n_var_ntk_aa,
        n_var_ntk_ab.
"""

from simulations.commutation.experiments import NTK, PATHS
from simulations.commutation.inputs import read_gram
from simulations.commutation.params import LETTERS, MAX_INPUTS, MAX_RECORDS, MAX_REFERENCE, Params
from simulations.commutation.predictions import (
    kernel_predictions,
    ntk_predictions,
    with_inputs,
    with_reference,
)
from simulations.commutation.quantities import TWIN, TWINS, slope, slopes_in_depth

__all__ = [
    "LETTERS",
    "MAX_INPUTS",
    "MAX_RECORDS",
    "MAX_REFERENCE",
    "NTK",
    "PATHS",
    "TWIN",
    "TWINS",
    "Params",
    "kernel_predictions",
    "ntk_predictions",
    "read_gram",
    "slope",
    "slopes_in_depth",
    "with_inputs",
    "with_reference",
]
