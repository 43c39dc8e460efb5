"""`rookery doctor`: checks of a configuration, each with its finding and a fix."""
