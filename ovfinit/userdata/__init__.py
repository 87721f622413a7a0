"""User data: everything that a user can hand over for the first boot."""
