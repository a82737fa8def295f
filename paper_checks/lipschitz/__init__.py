"""Certified Lipschitz bounds by semidefinite programming (arXiv:1906.04893, arXiv:2401.14033).

Numbers C1 to C12, V1 and V2 are those of the notes on the papers; F1 is a finding about solvers.
NSR-diag is LipSDP-NSR with S = P = 0, NSR-full with free S and P, RR the one of MaxMin written as
residual ReLU.  What is called proved of a bound rests on a certificate from above and on a point of
the dual, in ball arithmetic, from below.
"""

from paper_checks.lipschitz import (
    closed_form,
    constraint_identities,
    constraint_pairs,
    coupled,
    generic_form,
    inequalities,
    invariances,
    linf,
    lossless,
    monotone,
    one_alone,
    residual_relu,
    solver_values,
    sound_bounds,
    vector_neurons,
)

PAPER = """\
@inproceedings{fazlyab2019efficient,
  author = {Mahyar Fazlyab and Alexander Robey and Hamed Hassani and Manfred Morari and
    George J. Pappas},
  title = {Efficient and Accurate Estimation of {Lipschitz} Constants for Deep Neural Networks},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2019},
  eprint = {1906.04893},
  archiveprefix = {arXiv},
}

@inproceedings{pauli2024novel,
  author = {Patricia Pauli and Aaron Havens and Alexandre Araujo and Siddharth Garg and
    Farshad Khorrami and Frank Allgöwer and Bin Hu},
  title = {Novel Quadratic Constraints for Extending {LipSDP} beyond Slope-Restricted Activations},
  booktitle = {International Conference on Learning Representations},
  year = {2024},
  eprint = {2401.14033},
  archiveprefix = {arXiv},
}
"""
"""BibTeX of what is checked here."""

CLAIMS = (
    *constraint_identities.CLAIMS,
    *constraint_pairs.CLAIMS,
    *inequalities.CLAIMS,
    *sound_bounds.CLAIMS,
    *generic_form.CLAIMS,
    *invariances.CLAIMS,
    *closed_form.CLAIMS,
    *coupled.CLAIMS,
    *lossless.CLAIMS,
    *one_alone.CLAIMS,
    *residual_relu.CLAIMS,
    *linf.CLAIMS,
    *vector_neurons.CLAIMS,
    *monotone.CLAIMS,
    *solver_values.CLAIMS,
)
