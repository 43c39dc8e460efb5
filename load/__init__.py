"""Load: swarms that load a topic, the ledger that accounts for every reading, its reports, and the benchmarks."""
