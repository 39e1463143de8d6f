"""The stage of pp_distill."""
