"""Runtime: imports, threads and CPUs of the worker's process."""
