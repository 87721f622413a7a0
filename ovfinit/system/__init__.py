"""What the daemon needs of the running system: systemd, the journal, the console, devices and routes coming up."""
