"""Sections: what one run of the benchmark measures."""
