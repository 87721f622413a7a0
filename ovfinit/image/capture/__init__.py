"""A running machine, or a disk in use, read at one moment to become an image."""
