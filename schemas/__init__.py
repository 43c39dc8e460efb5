"""The words that all rooms share: readings, tables, predictions, rejections, envelopes, and their one codec."""
