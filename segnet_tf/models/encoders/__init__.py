"""Encoders that the networks of the family share: what makes maps of 1/2, 1/4, ... of the image."""

from __future__ import annotations

from segnet_tf.models.encoders.encoder import NAMES, Encoder, encoder_of

__all__ = ["NAMES", "Encoder", "encoder_of"]
