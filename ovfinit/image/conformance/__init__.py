"""Whether a package is what the standard and its importers want, down to the bytes of its files."""
