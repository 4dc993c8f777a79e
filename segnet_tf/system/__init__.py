"""What talks to the machine: files, subprocesses, progress, TensorFlow's start."""
