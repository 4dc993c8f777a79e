"""One architecture a file: its table of widths as data, and a function that builds it."""
