"""Trained weights from elsewhere, into our models."""
