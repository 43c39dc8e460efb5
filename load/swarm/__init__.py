"""Swarm: the Locust users, their messages and what one process counts of itself."""
