"""Pub/Sub for one machine: Google's API over gRPC and REST, push by production's rules, and seeded faults."""
