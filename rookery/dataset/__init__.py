"""Dataset: the readings that are shipped, the answers to expect of them, and simulated seasons."""
