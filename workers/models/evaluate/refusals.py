"""Whether an answer refuses, by its words: a hint for people, who read the answer."""

from __future__ import annotations

import re

# Near the beginning: a story may have somebody who cannot help.
_BEGINNING = 200
_PHRASES = re.compile(
    r"\b(?:"
    r"i(?:'m| am) (?:sorry|unable|not able)|i (?:can(?:no|')t|won't|will not|must decline)|"
    r"as an ai|i do not feel comfortable|i'm not comfortable|"
    r"je (?:suis désolée?|ne peux pas|refuse)|désolée?, |"
    r"es tut mir leid|ich kann (?:dir |ihnen )?(?:dabei |damit )?nicht|"
    r"lo siento|no puedo"
    r")",
    re.IGNORECASE,
)


def is_refusal(answer: str) -> bool:
    return _PHRASES.search(answer[:_BEGINNING].replace("’", "'")) is not None
