"""Parsers: networks that find body parts and clothes in a photo."""
