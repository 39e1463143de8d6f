"""The stage of pp_calibrate."""
