"""Kernel density estimators in large dimension (Biroli and Mezard, arXiv:2408.05807).

Numbers C1 to C17 are those of the notes on the paper, of which only the abstract was seen: the
three regimes and the place of the best bandwidth are its statements, all formulas were derived.
Limits are extrapolated in d from means that are exact at finite d, and laws are compared with the
exact finite-size one.
"""

from paper_checks.kernel_density import (
    boundaries,
    collapse,
    condensed,
    corrections,
    data,
    engine,
    fluctuations,
    kernels,
    largest,
    laws,
    likelihood,
    rates,
    risk,
    rules,
    sampled_laws,
    sampling,
    spectra,
    squared_error,
    variance,
)

PAPER = """\
@misc{biroli2024kernel,
  author = {Giulio Biroli and Marc Mézard},
  title = {Kernel Density Estimators in Large Dimensions},
  year = {2024},
  eprint = {2408.05807},
  archiveprefix = {arXiv},
}
"""
"""BibTeX of what is checked here."""

CLAIMS = (
    *rates.CLAIMS,
    *boundaries.CLAIMS,
    *variance.CLAIMS,
    *fluctuations.CLAIMS,
    *laws.CLAIMS,
    *sampled_laws.CLAIMS,
    *condensed.CLAIMS,
    *largest.CLAIMS,
    *engine.CLAIMS,
    *data.CLAIMS,
    *corrections.CLAIMS,
    *risk.CLAIMS,
    *likelihood.CLAIMS,
    *kernels.CLAIMS,
    *spectra.CLAIMS,
    *squared_error.CLAIMS,
    *rules.CLAIMS,
    *collapse.CLAIMS,
    *sampling.CLAIMS,
)
