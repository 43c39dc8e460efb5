"""Exchanges: whole HTTP requests of every degree of brokenness, heads and encodings included."""
