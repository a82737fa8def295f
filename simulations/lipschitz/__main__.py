"""`python -m simulations.lipschitz`."""

from simulations.lipschitz.command import main

raise SystemExit(main())
