"""`rookery watch`: a live page over what workers make durable."""
