"""Registry: the live model under one address, and its former versions."""
