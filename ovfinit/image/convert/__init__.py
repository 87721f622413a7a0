"""From any packaging of a machine to any other."""
