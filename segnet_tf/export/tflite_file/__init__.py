"""Reads and writes .tflite files."""
