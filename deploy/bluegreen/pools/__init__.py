"""Releases of worker pools, which have instances in place of traffic, and no address."""
