"""The places where blocks become durable; only composition roots know which one is which."""
