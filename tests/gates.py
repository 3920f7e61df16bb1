"""Gates that let everything pass, for tests of what comes after them."""


def open_to_all(version, stage, user):
    """For settings.PROMOTION_GATE."""
