"""Blue/green releases on Cloud Run: deploy without traffic, smoke-test, shift while watching, roll back by itself.

Plain Python and `gcloud`, so that it runs wherever a release is made from; it imports nothing of Rookery.
"""
