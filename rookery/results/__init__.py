"""What became of readings: predictions and rejections read back, counted, exported, compacted and replayed."""
