"""What is on a disk: its root file system, the system in it, and what boots that."""
