"""Synthetic road scenes, a function of a seed."""
