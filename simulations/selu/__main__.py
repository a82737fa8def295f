"""`python -m simulations.selu`."""

from simulations import cli

raise SystemExit(cli.main("simulations.selu"))
