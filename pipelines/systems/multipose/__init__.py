"""A person in a garment and in another pose (Sandagdorj, Thai and Ahn, 2020)."""
