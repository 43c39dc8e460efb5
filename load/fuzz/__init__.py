"""Fuzz: random invalid bodies, posted to a real worker in any number."""
