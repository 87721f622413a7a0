"""Network configuration: netplan version 2 is the one model, parsers lead to it and one renderer a file from it."""
