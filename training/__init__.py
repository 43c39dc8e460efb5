"""From a file of known penguins to one self-describing model artifact, the same bytes each time."""
