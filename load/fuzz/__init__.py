"""Fuzz: bodies that nobody would send, to a real worker, in any number."""
