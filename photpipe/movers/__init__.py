"""Bodies that nobody looked for: found behind the stars of a night, judged, and named."""
