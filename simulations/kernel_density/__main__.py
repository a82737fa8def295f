"""`python -m simulations.kernel_density`."""

from simulations import cli

raise SystemExit(cli.main("simulations.kernel_density"))
