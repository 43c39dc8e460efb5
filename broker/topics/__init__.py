"""Topics: the messages of publishers given to many subscriptions, and kept for replays; no clock, no network."""
