"""Training: batches, steps, precision, checkpoints and logs; knows no model."""
