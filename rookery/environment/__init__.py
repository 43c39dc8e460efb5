"""Environment: Rookery's own programs as processes on this machine, and the resources that they need."""
