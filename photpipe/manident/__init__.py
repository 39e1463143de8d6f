"""The stage of pp_manident, and its window."""
