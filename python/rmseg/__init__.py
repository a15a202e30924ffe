"""rmseg: residual-moment losses, segmentation networks and metrics."""
