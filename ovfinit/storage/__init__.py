"""Disks, partitions and file systems as the kernel shows them, and the words in which people name them."""
