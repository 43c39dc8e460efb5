"""Storage: topics, subscriptions and messages in an SQLite file, with one sync for many publishers."""
