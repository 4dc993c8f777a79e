"""A trained Keras model in, a verified .tflite file out."""
