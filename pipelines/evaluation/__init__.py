"""Metrics as pure functions over well-kept libraries."""
