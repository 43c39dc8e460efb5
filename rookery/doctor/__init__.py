"""`rookery doctor`: what is unsafe about a configuration, line by line, and how to mend it."""
