"""Person and garment preprocessing: framing, pose, parsing, masks, agnostic maps."""
