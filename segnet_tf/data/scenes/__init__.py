"""Synthetic road scenes, drawn from a seed."""
