"""Equal work: a peer that keeps its results as Rookery does, and knows who pushes."""
