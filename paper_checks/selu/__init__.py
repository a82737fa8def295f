"""Self-normalising networks (Klambauer, Unterthiner, Mayr and Hochreiter, arXiv:1706.02515).

Numbers C1 to C15 are those of the notes on the paper.  Statements of the paper were confirmed in
its source; C10 to C15 go beyond it.  Theorems are about one mean and variance (mu, nu) that all
inputs of a layer share and about neurons with one (omega, tau): a trained network has neither.
"""

from paper_checks.selu import (
    attraction,
    corrections,
    design,
    dropout,
    finite_width,
    fixed_points,
    funnel,
    initialisation,
    moments,
    variance,
)

PAPER = """\
@inproceedings{klambauer2017self,
  author = {Günter Klambauer and Thomas Unterthiner and Andreas Mayr and Sepp Hochreiter},
  title = {Self-Normalizing Neural Networks},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2017},
  eprint = {1706.02515},
  archiveprefix = {arXiv},
}
"""
"""BibTeX of what is checked here."""

CLAIMS = (
    *moments.CLAIMS,
    *attraction.CLAIMS,
    *fixed_points.CLAIMS,
    *variance.CLAIMS,
    *dropout.CLAIMS,
    *design.CLAIMS,
    *initialisation.CLAIMS,
    *finite_width.CLAIMS,
    *corrections.CLAIMS,
    *funnel.CLAIMS,
)
