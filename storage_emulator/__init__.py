"""A strict Cloud Storage for one machine: what Google promises of objects, generations and preconditions, in memory."""
