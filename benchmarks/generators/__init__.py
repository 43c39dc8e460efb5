"""Load generators: wrk as fast as connections carry, and requests at a fixed rate."""
