"""Infinitely wide and deep classifiers (Radhakrishnan, Belkin and Uhler, arXiv:2204.14126).

Numbers C1 to C10 are those of the notes on the paper.  The text of its theorems was not seen: what
is called recalled was derived again, and the authors' abstract and code were read.  The order of
limits is depth first, then sample size; r = |x - x'| between points of the unit sphere.
"""

from paper_checks.ntk_classifiers import (
    bayes,
    consistency,
    convergence,
    critical,
    dual,
    exponents,
    koenigs,
    learning,
    majority,
    nearest,
    networks,
    ripples,
)

PAPER = """\
@article{radhakrishnan2023wide,
  author = {Adityanarayanan Radhakrishnan and Mikhail Belkin and Caroline Uhler},
  title = {Wide and Deep Neural Networks Achieve Optimality for Classification},
  journal = {Proceedings of the National Academy of Sciences},
  volume = {120},
  year = {2023},
  eprint = {2204.14126},
  archiveprefix = {arXiv},
}
"""
"""BibTeX of what is checked here."""

CLAIMS = (
    *dual.CLAIMS,
    *networks.CLAIMS,
    *exponents.CLAIMS,
    *koenigs.CLAIMS,
    *ripples.CLAIMS,
    *nearest.CLAIMS,
    *majority.CLAIMS,
    *critical.CLAIMS,
    *convergence.CLAIMS,
    *consistency.CLAIMS,
    *bayes.CLAIMS,
    *learning.CLAIMS,
)
