"""From Keras layers to builtin TFLite ops."""
