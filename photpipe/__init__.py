"""The rooms behind the commands of Photometry Pipeline (see ARCHITECTURE.md)."""

__version__ = "1.0.0"
