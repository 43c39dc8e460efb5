"""Contracts: inferred from a table of known readings, shown, and checked against a table."""
