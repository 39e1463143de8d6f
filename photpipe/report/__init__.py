"""Telling: views of results, pages and figures. The only room that draws."""
