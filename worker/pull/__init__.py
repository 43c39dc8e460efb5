"""Pull: messages from a subscription over StreamingPull, into the same pipeline as pushes."""
