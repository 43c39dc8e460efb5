"""Load: swarms that storm a topic, the ledger that accounts for every reading, its reports, and the benchmarks."""
