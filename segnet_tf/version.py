"""The one home of the version; setup.cfg reads it from here without importing."""

__version__ = "0.1.0"
