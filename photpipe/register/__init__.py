"""The stage of pp_register."""
