"""The built-in datasources, each a plugin that uses only the public contract."""
