"""Cloud-config keys of the duties that every boot plans: loaded only where there is cloud-config to read."""
