"""Wire: the bytes of connections as requests, by one set of rules, one clock and one bound."""
