"""Reports in the formats that the world's archives accept; nothing is ever sent."""
