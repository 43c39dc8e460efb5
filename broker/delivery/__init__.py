"""Delivery: pushes and pulls of what the scheduling hands out."""
