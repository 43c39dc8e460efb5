"""Report: one run as a page, several as a document."""
