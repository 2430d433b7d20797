"""Errors of the command line."""


class UsageError(Exception):
    """The command cannot start with these arguments, settings or checkpoint."""
