"""Packing: the plain bytes of a file that is compressed, or the only one of an archive."""
