"""A web service that reads handwritten digits."""

__version__ = "0.1.0"
