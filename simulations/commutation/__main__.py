"""`python -m simulations.commutation`."""

from simulations import cli

raise SystemExit(cli.main("simulations.commutation"))
