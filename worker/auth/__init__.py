"""Authentication: who may push a message to the worker."""
