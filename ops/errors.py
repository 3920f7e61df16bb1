"""The one way in which starting fails: a line that says what to do."""


class Refused(Exception):
    """Shown as a single line, without a traceback; the exit code is 1."""
