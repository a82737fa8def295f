"""`python -m simulations.depth_limit`."""

from simulations import cli

raise SystemExit(cli.main("simulations.depth_limit"))
