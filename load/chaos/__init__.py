"""Chaos: a seeded storm of readings while workers are killed and disks fail; at the end every reading is accounted for."""
