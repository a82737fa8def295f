"""Infinite-depth limit of finite-width residual networks (Hayou, arXiv:2210.00688).

Numbers C1 to C13 are those of the notes on the paper; only the abstract was confirmed in the
source, so no theorem number of the paper is given, and no wording is a quotation.
"""

from paper_checks.core import Claim
from paper_checks.depth_limit import active_count, large_width, limit, log_norm, width_one

_BY_TOPIC = (
    *limit.CLAIMS,
    *width_one.CLAIMS,
    *log_norm.CLAIMS,
    *active_count.CLAIMS,
    *large_width.CLAIMS,
)


def _number(claim: Claim) -> tuple[str, int]:
    name = claim.id.partition("/")[2].partition(".")[0]
    return name[0], int(name[1:])


CLAIMS = tuple(sorted(_BY_TOPIC, key=_number))
