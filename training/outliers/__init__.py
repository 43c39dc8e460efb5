"""Outliers: fit the rule that flags readings as out of distribution."""
