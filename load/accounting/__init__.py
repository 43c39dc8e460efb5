"""Accounting: the ledger of what was published against what was made durable."""
