"""From a file of known readings to one self-describing model artifact, the same bytes each time."""
