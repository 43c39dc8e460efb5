"""Simulation: a deployment's parts as pure state machines under a clock that the caller advances, and their costs."""
