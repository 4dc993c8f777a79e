"""Models in use: predictions, scores, video."""
