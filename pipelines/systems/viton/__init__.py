"""VITON (Han et al. 2018): a coarse picture, a shape-context warp, and a refinement."""
