"""FITS files as users have them: cards, headers, pixels, standard forms."""
