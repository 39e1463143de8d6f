"""The whole chain: which frames, in which order, what can be reused, and in how many places."""
