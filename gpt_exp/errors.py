"""A mistake of the user's, told in one line."""


class UserError(Exception):
    """What is wrong, where, and what to write instead; the command line prints it and exits with 2."""
