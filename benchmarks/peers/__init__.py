"""Servers to compare with: each runs in an environment of its own and does what its makers advise for this work."""
