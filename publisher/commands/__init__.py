"""Commands: `rookery publish` and `rookery outbox`."""
