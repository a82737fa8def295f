r"""Twin of `theory.kernel_density`: kernel density estimators, and the regime of a user's own data.

n points y_i of N(0, I_d), a query x with |x|^2 = q d, a bandwidth h,

    W_i = exp(-|x - y_i|^2 / (2 h^2)),  S = sum_i W_i,  p_i = W_i / S,  Y_k = sum_i p_i^k,

and one sample is one data set.

SUMS            data sets by their nearest points and a remainder (`order`), n real, to 1e200.
DIRECT          data sets drawn point by point, for n d up to 1e7; the query fixed or random.
  of both       log_sum = log S; log_density = log S - log n - (d/2) log(2 pi h^2); y2, y3 = Y_2,
                Y_3; y2_square = Y_2^2; p1 = the largest share; inverse_p1 = 1/p1; effective_points
                = 1/Y_2; log_excess = log |S/(n E W) - 1|, all in the mean; index = 3 over the mean
                of log(W_(1) W_(2) W_(3) / W_(4)^3), the largest weights in order (n > 3).  With
                `edges`, law_<binned> counts log_sum, excess = S/(n E W) - 1, y2 or p1.
  of DIRECT     distance = mean of sum_i p_i r_i^2.
SPACINGS        k log(F(r_(k+1)^2)/F(r_(k)^2)), k <= 3, of the distances that SUMS draws, F computed
                exactly: independent Exp(1) if the sampler is right.  spacing, spacing_square =
                their mean and mean square; law_spacing counts them in 64 equally likely bins.
LEAVE_ONE_OUT   bandwidth = that of greatest leave-one-out likelihood of a data set; y2 = Y_2 there,
                mean over its points, each without itself; kl, kl_scott = mean over the points of
                log rho less the leave-one-out log density, there and at Scott's bandwidth.
DATA            a user's own points: see `diagnose`.

The report of SUMS and DIRECT on the command line (`reports` of --json) holds: regime ("normal",
"stable", "condensed") by the index at these n and d, and its meaning; index and boundaries, finite
and asymptotic; share = E Y_2, effective_points = 1/E Y_2, relative_variance = Var S/(E S)^2 (null:
beyond floats), divergence = KL(rho || rho_h) in nats, kl_optimum, scott, silverman, mise_optimum,
and collapse_bandwidth of diffusion models, for queries that are noised data points.

Means of Y_2 and Y_3 are made by rare data sets where the index lies between 1 and 2, or 1 and 3, at
large n, and S itself has no useful sample mean below 2: take log_sum, or laws.
"""

from simulations.kernel_density.diagnose import DATA
from simulations.kernel_density.experiments import DIRECT, SPACINGS, SUMS
from simulations.kernel_density.leave_one_out import LEAVE_ONE_OUT
from simulations.kernel_density.params import Params
from simulations.kernel_density.predictions import prepared
from simulations.kernel_density.quantities import TWIN, TWINS

__all__ = [
    "DATA",
    "DIRECT",
    "LEAVE_ONE_OUT",
    "SPACINGS",
    "SUMS",
    "TWIN",
    "TWINS",
    "Params",
    "prepared",
]
