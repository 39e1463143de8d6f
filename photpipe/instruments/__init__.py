"""Telescopes and cameras: who took a frame, and what its header says."""
