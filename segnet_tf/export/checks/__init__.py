"""What an exported file is held to."""
