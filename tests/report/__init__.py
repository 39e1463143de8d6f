"""Tests of the pages: their numbers, their text, and what a browser makes of them."""
