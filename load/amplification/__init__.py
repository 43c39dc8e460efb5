"""Amplification: messages within Pub/Sub's limits that cost a worker as much as a message can."""
