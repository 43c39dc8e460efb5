"""The doctor over a deployment: a Cloud Run service or worker pool, as Google's APIs describe it."""
