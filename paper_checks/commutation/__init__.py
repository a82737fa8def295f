"""Width and depth limits of residual networks commute (Hayou and Yang, arXiv:2302.00453).

Numbers C1 to C9 and E1 are those of the notes on the paper and its relatives (arXiv:2310.01683,
2206.02768, 2310.12079); only abstracts were confirmed in the sources, so no theorem number is
given, and no wording is a quotation.
"""

from paper_checks.commutation import (
    branches,
    exactness,
    flow,
    fluctuations,
    perceptron,
    scaling,
    shaped,
)

CLAIMS = (
    *flow.CLAIMS,
    *scaling.CLAIMS,
    *fluctuations.CLAIMS,
    *branches.CLAIMS,
    *perceptron.CLAIMS,
    *shaped.CLAIMS,
    *exactness.CLAIMS,
)
