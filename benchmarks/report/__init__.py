"""Report: figures, spreads and bounds of a run as a document and a picture."""
