"""`python -m simulations.ntk_classifiers`."""

from simulations import cli

raise SystemExit(cli.main("simulations.ntk_classifiers"))
