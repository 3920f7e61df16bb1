from allauth.account import views as allauth
from django.urls import path

from llmhub.accounts.decorators import require_form_methods
from llmhub.accounts.views import audit, entry, people, profile, projects, tokens

urlpatterns = [
    path("welcome/<str:secret>/", entry.sign_in, name="sign_in"),
    path("invite/<str:secret>/", entry.invite, name="invite"),
    path("invite/<str:secret>/join/", entry.invite_join, name="invite_join"),
    path("profile/", profile.profile, name="profile"),
    path("people/", people.people, name="people"),
    path("people/<int:membership_id>/role/", people.member_role, name="member_role"),
    path("people/<int:membership_id>/remove/", people.member_remove, name="member_remove"),
    path("people/invites/<int:invite_id>/revoke/", people.invite_revoke, name="invite_revoke"),
    path("audit/", audit.audit, name="audit"),
    path("projects/new/", projects.project_new, name="project_new"),
    path("projects/<slug:slug>/switch/", projects.project_switch, name="project_switch"),
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/<int:token_id>/revoke/", tokens.token_revoke, name="token_revoke"),
]

# Of allauth only what the hub uses: no open sign-up, and no mail is needed to run a hub.
_allauth_pages = [
    ("login/", "account_login", allauth.login),
    ("logout/", "account_logout", allauth.logout),
    ("inactive/", "account_inactive", allauth.account_inactive),
    ("password/change/", "account_change_password", allauth.password_change),
    ("password/set/", "account_set_password", allauth.password_set),
]
urlpatterns += [
    path(f"account/{route}", require_form_methods(view), name=name)
    for route, name, view in _allauth_pages
]
