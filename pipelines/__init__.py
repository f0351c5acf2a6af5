"""Images, networks and stages of virtual try-on: arrays in, arrays out, never a run by itself."""
