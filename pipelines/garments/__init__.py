"""Photos of garments: outline, landmarks, sleeves, the inside of the collar, clean colours."""
