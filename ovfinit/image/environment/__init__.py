"""The OVF environment: questions answered, the document written, and the ways in which it gets into a guest."""
