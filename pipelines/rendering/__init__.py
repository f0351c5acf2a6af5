"""Composing pictures: what several try-on systems share."""
