"""What the commands raise; the exit codes are those of the other tools."""


class Failure(Exception):
    """Something here failed."""

    exit_code = 1


class BadInput(Failure):
    """What was given cannot be used."""

    exit_code = 3
