"""OVF descriptors: from a descriptor's XML to the model, and from a machine to a descriptor."""
