"""Why a wish of a script is refused, by the name of the parameter; answered with 422."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class NotDone(Exception):
    # What was not done.
    detail: ClassVar[Promise]

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


class NotAdded(NotDone):
    detail = _("The dataset was not added.")


class NotEvaluated(NotDone):
    detail = _("Nothing was started or registered.")


class NotExported(NotDone):
    detail = _("The export was not started.")


class NotAsked(NotDone):
    detail = _("The model was not asked.")


class NotLinked(NotDone):
    detail = _("The run was not linked.")


class NotMoved(NotDone):
    detail = _("The model stays as it is.")
