"""Programs that run .tflite files, behind one protocol and in one registry."""
