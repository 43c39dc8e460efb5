"""Registry: where a model stands under one address, with the former versions behind it."""
