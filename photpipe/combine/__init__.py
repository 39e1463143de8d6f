"""The stages of pp_combine and pp_stackedphotometry."""
