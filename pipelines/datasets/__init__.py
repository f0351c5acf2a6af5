"""Whole data sets in a layout: checking, converting, pair lists."""
