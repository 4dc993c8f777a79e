"""Training for fewer weights, fewer values and int8."""
