r"""Twin of `theory.ntk_classifiers`: classifiers on random data, networks of finite width.

Which classifier does an activation give in the limit of depth, is it consistent, how deep must the
network be: the report of a run says it.  One sample of VOTES is one data set of `points` training
and `test` test points, from the Dirichlet pair or a random split of a user's points.  The methods
and their names are those of `simulations.ntk_classifiers.methods`; m stands for a name, the first
method is the one the others are compared with, and a tie (or a sum that is 0 to rounding) counts
1/2 wherever answers are compared.

VOTES    excess@m = mean over the test points of |2 eta - 1| 1{answer of m differs from Bayes}, not
         for a user's data; error@m = share of the test points where the answer is not the label
         drawn; difference@m = excess (for a user's data error) of m less that of the first method,
         agreement@m = share of the test points where m answers as the first method, both for all
         methods but the first; excess (for a user's data error) = that of the first method.
NETWORK  width n, depth L <= 5, two inputs at distance r, networks as in
         `simulations.ntk_classifiers.network`: nngp = mean of <h_L(x), h_L(x')> / n,
         nngp_diagonal = mean of |h_L(x)|^2 / n; ntk, ntk_diagonal = means of <df(x), df(x')> and
         |df(x)|^2 over all parameters.  All are O(1/n) from the kernels of infinite width, nngp of
         one layer is exact; polynomials of high degree have heavy tails.

The report of VOTES on the command line (`reports` of --json) holds: classifier ("singular",
"nearest-neighbour", "majority", "kriging"), exponent, case (B' against 1), consistent (true, false,
null) with its reason, A, A', B', depth_needed of both kernels (layers, condition), doubt,
bayes_risk, asymptotic_excess and asymptotic_risk of many points (null where they are not known).
"""

from simulations.ntk_classifiers.methods import Method, classifier, parse
from simulations.ntk_classifiers.network import NETWORK
from simulations.ntk_classifiers.params import PAIRS, Params
from simulations.ntk_classifiers.predictions import (
    network_predictions,
    prepared,
    prepared_network,
    vote_predictions,
)
from simulations.ntk_classifiers.quantities import TWIN, TWINS
from simulations.ntk_classifiers.votes import VOTES

__all__ = [
    "NETWORK",
    "PAIRS",
    "TWIN",
    "TWINS",
    "VOTES",
    "Method",
    "Params",
    "classifier",
    "network_predictions",
    "parse",
    "prepared",
    "prepared_network",
    "vote_predictions",
]
