"""Tools for developers: generators of documents and trials; not in the wheel."""
