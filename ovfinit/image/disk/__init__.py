"""Disks: formats of image files, partition tables, and their content in pieces."""
