"""Cloud-config keys in files of their own: those of duties that every boot plans are loaded only to read some."""
