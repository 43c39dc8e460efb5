"""Results: predictions and rejections read back, summarised, exported, compacted and replayed."""
