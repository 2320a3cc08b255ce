"""The task YAML of creators: reader, field types, checks and error messages."""
