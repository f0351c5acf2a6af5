"""CP-VTON and CP-VTON+: a spline bends the garment, a U-Net puts it on (Wang et al. 2018)."""
