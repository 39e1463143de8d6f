"""Tables of sources: what surveys offer, how they are read, matched and stored."""
