"""Encoding: predictions and rejections as the lines that sinks write."""
