r"""Twin of `theory.selu`: random self-normalising networks, single neurons, and users' networks.

    z_l = W_l h_{l-1},  h_l = f(z_l),  q_l = |h_l|^2 / n,  m_l = mean of the coordinates of h_l,
    omega = sum_i w_i,  tau = sum_i w_i^2 of a neuron,  f = selu unless said.

Every estimate is of the layer L; with the suffix `@l` after l layers.

PATHS           one input through networks of random weights, h_0 of mean square q0 (and mean
                `mean`, which matters to normalised weights alone).  second_moment = q; mean = m;
                variance = q - m^2; log_q (given q > 0); n_var_q and n_var_mean = n times the
                variance of q and of m over networks; slope = that of q_{l+1} on q_l over the layers
                l >= burn_in (25): sum over l of Cov(q_l, q_{l+1}) by that of Var(q_l), there where
                depth > burn_in.  With `keep`, h is taken after alpha dropout.
INITIALISATION  omega and tau of random weights: omega, tau, omega_square = their means;
                omega_inside, tau_inside, inside = probabilities of omega_low <= omega <=
                omega_high, of tau_low <= tau <= tau_high, and of both; n_var_tau.
NEURON          h = f(z), z ~ N(mean omega, variance tau); with `keep` after alpha dropout with the
                constants `affine`.  mean, second_moment, variance.  With activation "linear",
                omega = tau = 1 and no dropout: the input itself.
CLT             h = f(sum_i w_i x_i), i <= width, with standardised inputs of the law `inputs` and
                weights that are equal, or random for each sample: mean, second_moment, variance,
                z_square and z_cube = the mean of z^2 and of z^3.
NETWORK         a network that `with_network` has read (weights, and data or independent N(0, 1) as
                inputs; rows of the data are drawn with replacement), hidden layers l = 1, 2, ...:
                mean@l, second_moment@l = averages over its neurons of the mean of h and of h^2;
                variance@l = average over its neurons of the variance of h over inputs.
"""

from simulations.selu.experiments import CLT, INITIALISATION, NEURON, PATHS
from simulations.selu.params import MAX_RECORDS, Params
from simulations.selu.predictions import prepared, with_dropout
from simulations.selu.quantities import TWIN, TWINS
from simulations.selu.trained import NETWORK, with_network

__all__ = [
    "CLT",
    "INITIALISATION",
    "MAX_RECORDS",
    "NETWORK",
    "NEURON",
    "PATHS",
    "TWIN",
    "TWINS",
    "Params",
    "prepared",
    "with_dropout",
    "with_network",
]
