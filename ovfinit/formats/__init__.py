"""Formats that others defined, read into plain data: one per file, bounded, without any knowledge of sources."""
