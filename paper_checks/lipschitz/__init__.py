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
