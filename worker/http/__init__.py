"""HTTP: the push and predict endpoints, on a fast path of our own and on aiohttp's server."""
