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

PAPER = """\
@inproceedings{hayou2023width,
  author = {Soufiane Hayou and Greg Yang},
  title = {Width and Depth Limits Commute in Residual Networks},
  booktitle = {International Conference on Machine Learning},
  year = {2023},
  eprint = {2302.00453},
  archiveprefix = {arXiv},
}

@article{hayou2024commutative,
  author = {Soufiane Hayou},
  title = {Commutative Width and Depth Scaling in Deep Neural Networks},
  journal = {Journal of Machine Learning Research},
  volume = {25},
  year = {2024},
  eprint = {2310.01683},
  archiveprefix = {arXiv},
}

@inproceedings{li2022neural,
  author = {Mufan Li and Mihai Nica and Daniel Roy},
  title = {The Neural Covariance {SDE}: Shaped Infinite Depth-and-Width Networks at Initialization},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2022},
  eprint = {2206.02768},
  archiveprefix = {arXiv},
}

@misc{li2023differential,
  author = {Mufan Li and Mihai Nica},
  title = {Differential Equation Scaling Limits of Shaped and Unshaped Neural Networks},
  year = {2023},
  eprint = {2310.12079},
  archiveprefix = {arXiv},
}
"""
"""BibTeX of what is checked here."""

CLAIMS = (
    *flow.CLAIMS,
    *scaling.CLAIMS,
    *fluctuations.CLAIMS,
    *branches.CLAIMS,
    *perceptron.CLAIMS,
    *shaped.CLAIMS,
    *exactness.CLAIMS,
)
