"""joblog keeps every byte a training job prints, and gives any part of it back at once."""

__version__ = "0.1.0"
