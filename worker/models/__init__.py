"""Models: where a model artifact comes from, how it is validated, and how it is replaced under traffic."""
