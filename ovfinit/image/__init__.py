"""The image builder's half: what makes images and their input, never imported on the boot path."""
