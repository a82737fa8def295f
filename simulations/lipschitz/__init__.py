r"""Twin of `theory.lipschitz`: a certified bound between lower bounds, and sampled constraints.

Without --quantity, or with --quantity bound, the command asks for the Lipschitz constant of one
network (see `simulations.lipschitz.command`).  The experiments:

CONSTRAINT      pairs of pre-activations of one unit or group: the quadratic constraint of its
                activation, or a wrong one (`mutant`), relative to the multipliers and the squares
                of the four vectors.  violations = share of pairs below -1e-12; least = the most
                negative value; form = mean value; v@k, other@k, lambda@k, gamma, nu, tau = the pair
                where the value is least, a counterexample if that is negative.
GRADIENT        one point: gradient = mean norm of the Jacobian; largest = the largest one.
PAIRS           one pair of inputs: quotient = mean difference quotient; largest.

GRADIENT and PAIRS take the network that was read, or one of its own for each sample.  What was
observed once (least, largest, the pair) has the error 0: it is exact, but an extreme of the sample.
"""

from simulations.lipschitz.constraints import CONSTRAINT
from simulations.lipschitz.gradients import GRADIENT, PAIRS, prepared
from simulations.lipschitz.params import Params
from simulations.lipschitz.quantities import TWIN, TWINS

__all__ = ["CONSTRAINT", "GRADIENT", "PAIRS", "TWIN", "TWINS", "Params", "prepared"]
