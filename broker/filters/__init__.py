"""Filters: Google's expressions on a message's attributes, parsed once and evaluated for each message."""
