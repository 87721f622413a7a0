"""The duties: pure functions from (metadata, configuration, host, past, user data) to changes, one per file.

Each module has `NAME`, `changes(metadata, config, host, past, handed)`, which yields changes, and problems for what it
had to leave out, and `KEYS` if it takes cloud-config keys: key → the schema (userdata/schema.py) that validates,
documents and types it. Which duties there are, and their order, is in duties.py.
"""
