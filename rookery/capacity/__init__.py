"""Planning: the broker's own scheduling core and a simulated Cloud Run, for the scale that no one machine can run."""
