"""Marks texts for translation where Django may not be imported."""


def gettext_noop(text: str) -> str:
    """Returns `text` as it is; `makemessages` finds it by this name, the web side translates it."""
    return text
