"""A mistake of the user's, told in one line."""


class UserError(Exception):
    """What is wrong, where, and what to write instead; the command line prints it and exits with its code."""

    exit_code = 2


class JobsFailed(UserError):
    """A sweep is through, and some of its jobs are not."""

    exit_code = 1
