"""Planning: the broker's own scheduling core and a simulated Cloud Run, for loads beyond one machine."""
