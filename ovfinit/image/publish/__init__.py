"""Images into a cloud and out of one."""
