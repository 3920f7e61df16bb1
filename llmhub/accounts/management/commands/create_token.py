from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from llmhub.accounts import tokens
from llmhub.accounts.models import Membership, Role, Scope


class Command(BaseCommand):
    help = "Make an API token of a person for a project, and print it. It is shown only now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--scopes",
            nargs="+",
            required=True,
            choices=Scope.values,
            metavar="SCOPE",
            help=f"one or more of: {', '.join(Scope.values)}",
        )
        parser.add_argument("--name", default="command line")
        parser.add_argument("--expires-days", type=int, metavar="DAYS", help="default: never")

    def handle(self, *, email: str, project: str, scopes: list[str], **options: Any) -> None:
        place = self._place(email.strip().lower(), project)
        wanted = [Scope(scope) for scope in dict.fromkeys(scopes)]
        self._refuse_beyond_role(place, wanted)
        expires_at = self._expires_at(options["expires_days"])
        _row, secret = tokens.create(
            place.user, place.project, options["name"][:80], wanted, expires_at
        )
        self.stdout.write(secret)

    def _place(self, email: str, project: str) -> Membership:
        places = Membership.objects.select_related("user", "project")
        place = places.filter(
            user__email=email, user__is_active=True, project__slug=project
        ).first()
        if place is None:
            raise CommandError(f"Nobody active with the address {email} is in project “{project}”.")
        return place

    def _refuse_beyond_role(self, place: Membership, wanted: list[Scope]) -> None:
        allowed = tokens.scopes_for(Role(place.role))
        beyond = [scope.value for scope in wanted if scope not in allowed]
        if beyond:
            raise CommandError(
                f"{place.user.email} is {place.role} of {place.project.slug}: "
                f"a token of theirs cannot have {', '.join(beyond)}."
            )

    def _expires_at(self, days: int | None) -> Any:
        if days is None:
            return None
        if not 1 <= days <= 3650:
            raise CommandError("--expires-days is a number from 1 to 3650.")
        return timezone.now() + timedelta(days=days)
