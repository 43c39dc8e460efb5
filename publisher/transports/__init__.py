"""Transports: how messages reach Pub/Sub, over gRPC or plain HTTP."""
