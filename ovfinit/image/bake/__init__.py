"""The agent put into a tree, offline."""
