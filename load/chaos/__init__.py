"""Chaos: a seeded workload while workers are killed and disks fail; reconciliation has to pass at the end."""
