"""EC2/UEC bundles: packed, sealed, signed and opened."""
