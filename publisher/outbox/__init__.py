"""Outbox: messages kept on the disk until Pub/Sub has them."""
