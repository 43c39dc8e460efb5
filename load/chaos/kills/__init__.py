"""Kills: broker, workers and publishers are killed -9 at random; what publish returned for has exactly one result."""
