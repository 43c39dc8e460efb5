"""Pulls: Pull and StreamingPull, acknowledgements and deadlines, in Google's messages."""
