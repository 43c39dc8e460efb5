"""Decoding: the bytes of a message as checked readings, or the reasons why they are none."""
