"""Sinks: where predictions and rejections become durable; only composition roots know which one is which."""
