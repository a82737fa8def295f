"""`python -m simulations.conv_kernels`."""

from simulations import cli

raise SystemExit(cli.main("simulations.conv_kernels"))
