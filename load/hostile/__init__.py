"""Hostile: connections that mean a worker no good, by the thousand, and what they leave of its memory and files."""
