"""Reports in the formats of other institutions."""
