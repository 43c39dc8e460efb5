"""Parsing: fields of untrusted payloads read strictly, and what is wrong with them."""
