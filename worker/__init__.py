"""Worker: readings in by push, validated, predicted in batches, made durable, and only then acknowledged."""
