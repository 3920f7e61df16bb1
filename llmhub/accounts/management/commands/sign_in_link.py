from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.urls import reverse

from llmhub.accounts import links, services
from llmhub.accounts.models import Membership, Project, Role, User

FIRST_ADMIN = "admin@localhost"
FIRST_PROJECT = "main"


class Command(BaseCommand):
    help = (
        "Print a link that signs a person in, once. On an empty hub the first admin and the "
        "project “main” are made. Older unused links of the person stop working."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", default="", help="whom to sign in; default: the first admin")

    def handle(self, *, email: str, **options: Any) -> None:
        user = self._person(email.strip().lower())
        path = reverse("sign_in", args=[links.make_sign_in_link(user)])
        self.stdout.write(f"{settings.HUB_URL.rstrip('/')}{path}")

    def _person(self, email: str) -> User:
        if not User.objects.exists():
            return make_first_admin(email or FIRST_ADMIN)
        people = User.objects.filter(is_active=True)
        if email:
            return self._named(people.filter(email=email).first(), email)
        admins = people.filter(memberships__role=Role.ADMIN)
        first = admins.order_by("pk").first()
        if first is None:
            raise CommandError("No active person is admin of a project. Name one with --email.")
        return first

    def _named(self, user: User | None, email: str) -> User:
        if user is None:
            raise CommandError(f"Nobody active has the address {email}.")
        return user


@transaction.atomic
def make_first_admin(email: str) -> User:
    user = User.objects.create_user(email)
    # `seed` may have made it before there was anybody to own it.
    ownerless = Project.objects.filter(slug=FIRST_PROJECT, memberships=None).first()
    if ownerless:
        Membership.objects.create(project=ownerless, user=user, role=Role.ADMIN)
    else:
        services.create_project(FIRST_PROJECT, user)
    return user
