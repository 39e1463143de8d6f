"""The stages of pp_extract and pp_photometry."""
