"""OVF packages: the model of what is in one, opened from folder, archive or web server, and written."""
