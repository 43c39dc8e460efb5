"""The types that all packages share: readings, tables, predictions, rejections, envelopes, and their one codec."""
