"""What stops a command before it does anything."""


class UsageError(Exception):
    """The arguments cannot be carried out as they are; the message says what would be."""
