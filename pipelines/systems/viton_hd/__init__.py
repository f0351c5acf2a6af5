"""VITON-HD: layout, garment warp and picture by three networks (Choi et al., CVPR 2021)."""
