"""Monte-Carlo twins of the theory modules; each runs as `python -m simulations.<subject>`."""
