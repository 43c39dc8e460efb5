"""Adoption: an XGBoost classifier that exists already becomes a model that the worker serves, with no code."""
