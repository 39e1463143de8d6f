"""Source Extractor, SCAMP and SWarp, run hermetically."""
