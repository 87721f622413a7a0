"""An instance customization agent: probe, normalize, plan, apply."""

__version__ = "0.1.0"
