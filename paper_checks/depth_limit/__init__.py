"""Infinite-depth limit of finite-width residual networks (Hayou, arXiv:2210.00688).

Numbers C1 to C22 are those of the notes on the paper; only the abstract was confirmed in the
source, so no theorem number of the paper is given, and no wording is a quotation.
"""

from paper_checks.core import Claim
from paper_checks.depth_limit import (
    active_count,
    determinant,
    every_width,
    large_width,
    limit,
    log_norm,
    long_horizon,
    pre_norm,
    smooth,
    tangents,
    two_inputs,
    two_slopes,
    width_one,
)

PAPER = """\
@article{hayou2023infinite,
  author = {Soufiane Hayou},
  title = {On the infinite-depth limit of finite-width neural networks},
  journal = {Transactions on Machine Learning Research},
  year = {2023},
  eprint = {2210.00688},
  archiveprefix = {arXiv},
}
"""
"""BibTeX of what is checked here."""

_BY_TOPIC = (
    *limit.CLAIMS,
    *width_one.CLAIMS,
    *log_norm.CLAIMS,
    *active_count.CLAIMS,
    *large_width.CLAIMS,
    *every_width.CLAIMS,
    *two_slopes.CLAIMS,
    *smooth.CLAIMS,
    *long_horizon.CLAIMS,
    *pre_norm.CLAIMS,
    *tangents.CLAIMS,
    *determinant.CLAIMS,
    *two_inputs.CLAIMS,
)


def _number(claim: Claim) -> tuple[str, int]:
    name = claim.id.partition("/")[2].partition(".")[0]
    return name[0], int(name[1:])


CLAIMS = tuple(sorted(_BY_TOPIC, key=_number))
