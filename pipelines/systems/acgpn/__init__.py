"""ACGPN: layout first, then the warped garment, then what both leave open (Yang et al. 2020)."""
