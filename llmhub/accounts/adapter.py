from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class InviteOnlyAdapter(DefaultAccountAdapter):
    """People come in by an invitation; the open sign-up form is closed."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
