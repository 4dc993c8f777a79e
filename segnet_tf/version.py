"""The one home of the version; setup.cfg reads it from here without importing."""

from __future__ import annotations

__version__ = "0.2.0"
