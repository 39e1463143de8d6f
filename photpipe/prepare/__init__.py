"""The stage of pp_prepare."""
