"""The test suite; a package, since some wheels install one of the same name."""
