"""Simulation: a deployment's parts as pure state machines under a clock that somebody else turns, and what they cost."""
