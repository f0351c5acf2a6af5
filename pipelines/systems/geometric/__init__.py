"""Try-on without learned weights: landmark and contour warping of the garment."""
