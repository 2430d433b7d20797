"""Configuration: the schema, and how YAML becomes it."""
