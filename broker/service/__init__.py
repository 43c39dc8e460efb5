"""Service: Google's Pub/Sub API over gRPC and REST."""
