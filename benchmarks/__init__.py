"""The benchmark: the real worker beside its peers, in interleaved rounds, every answer checked before any timing."""
