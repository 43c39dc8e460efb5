"""Data: the penguins that come with Rookery (CC0)."""
