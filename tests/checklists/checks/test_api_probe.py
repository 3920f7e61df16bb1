"""Probes of an API by their real process against real servers, each failing for its own reason."""

import socket

import pytest

from llmhub.accounts.models import Role
from llmhub.checklists import checking
from llmhub.checklists.models import Evidence
from tests.checklists.checks.making import codes, draft, make_checklist, told
from tests.checklists.checks.odd_api import Manners, make_certificate, served
from tests.factories import join, make_user
from tests.jobs.running import run_jobs
from workers.checks import asking

HSTS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def admin(atlas):
    user = make_user("root@example.com")
    join(user, atlas, Role.ADMIN)
    return user


@pytest.fixture
def probed(atlas, admin, settings, monkeypatch, certificate):
    """What a check finds of a server with these manners."""

    def probe(name, manners=None, tls=True, trusted=True, port=None):
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with served(manners or Manners(), certificate if tls else None) as own:
            place = ("localhost", port or own)
            settings.API_PROBE_HOSTS = [place]
            checklist = make_checklist(draft(atlas), name)
            address = f"{'https' if tls else 'http'}://{place[0]}:{place[1]}/v1/"
            attach(checklist, name, admin, address)
            (evidence,) = checking.start(checklist, [name], admin)
            run_jobs()
        evidence.refresh_from_db()
        assert evidence.outcome
        return evidence

    return probe


def attach(checklist, name, user, address):
    Evidence.objects.create(
        checklist=checklist, item=name, kind="link", parts_hash="", link=address, by=user
    )


pytestmark = pytest.mark.django_db


class TestHttps:
    def test_https_alone_with_hsts(self, probed):
        evidence = probed("api-https", Manners(headers=HSTS))
        assert evidence.outcome == "passed", told(evidence)
        assert evidence.measured["hsts_seconds"] == 31536000

    def test_plain_http_that_leads_to_https(self, probed):
        to = {"Location": "https://localhost/v1/"}
        manners = Manners(headers=HSTS, plain=301, plain_headers=to)
        assert probed("api-https", manners).outcome == "passed"
        # The redirection is read, and not followed.
        assert len(manners.heard) == 2

    def test_plain_http_that_answers(self, probed):
        evidence = probed("api-https", Manners(headers=HSTS, plain=200))
        assert codes(evidence) == ["plain_http_answers"]
        assert "200" in told(evidence)

    def test_plain_http_that_leads_elsewhere_in_plain_http(self, probed):
        to = {"Location": "http://localhost/v1/"}
        evidence = probed("api-https", Manners(headers=HSTS, plain=302, plain_headers=to))
        assert codes(evidence) == ["plain_http_answers"]

    @pytest.mark.parametrize("headers", [{}, {"Strict-Transport-Security": "max-age=0"}])
    def test_no_hsts(self, probed, headers):
        assert codes(probed("api-https", Manners(headers=headers))) == ["no_hsts"]

    def test_a_certificate_that_nobody_signed(self, probed):
        evidence = probed("api-https", Manners(headers=HSTS), trusted=False)
        assert evidence.outcome == "failed"
        assert codes(evidence) == ["tls_broken"]

    def test_an_address_without_tls(self, probed):
        evidence = probed("api-https", Manners(status=200), tls=False)
        assert codes(evidence) == ["not_https", "plain_http_answers"]


class TestCors:
    def test_no_origin_is_let_in(self, probed):
        assert probed("api-cors").outcome == "passed"

    def test_a_wildcard_without_credentials_is_no_fault(self, probed):
        manners = Manners(headers={"Access-Control-Allow-Origin": "*"})
        assert probed("api-cors", manners).outcome == "passed"

    def test_a_wildcard_with_credentials(self, probed):
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Credentials": "true",
        }
        assert codes(probed("api-cors", Manners(headers=headers))) == ["cors_wildcard"]

    def test_whatever_origin_asks(self, probed):
        evidence = probed("api-cors", Manners(reflects=True))
        assert codes(evidence) == ["cors_reflected"]
        assert "stranger.example" in told(evidence)


class TestAuthentication:
    @pytest.mark.parametrize(
        ("status", "outcome", "code"),
        [
            (401, "passed", "api_authentication"),
            (403, "passed", "api_authentication"),
            (200, "failed", "open_without_token"),
            (302, "unknown", "no_verdict"),
            (404, "unknown", "no_verdict"),
        ],
    )
    def test_what_it_says_without_a_token(self, probed, status, outcome, code):
        evidence = probed("api-authentication", Manners(status=status))
        assert evidence.outcome == outcome
        assert codes(evidence) == [code]


class TestRateLimits:
    def test_the_31st_request_is_refused(self, probed):
        evidence = probed("api-rate-limits", Manners(limit=30))
        assert evidence.outcome == "passed"
        assert evidence.measured["requests"] == 31

    def test_none_of_100_is_refused(self, probed):
        manners = Manners()
        evidence = probed("api-rate-limits", manners)
        assert codes(evidence) == ["no_rate_limit"], told(evidence)
        assert len(manners.heard) == 100


class TestWhereItMayAsk:
    def test_without_an_address_people_decide(self, atlas):
        checklist = make_checklist(draft(atlas), "api-cors")
        (evidence,) = checking.start(checklist, ["api-cors"], None)
        assert evidence.outcome == "unknown"
        assert codes(evidence) == ["no_address"]

    @pytest.mark.parametrize("role", [Role.MEMBER, Role.APPROVER])
    def test_one_that_another_than_an_admin_attached_is_not_asked(self, atlas, settings, role):
        settings.API_PROBE_HOSTS = [("localhost", None)]
        checklist = make_checklist(draft(atlas), "api-cors")
        charlie = make_user("charlie@example.com")
        join(charlie, atlas, role)
        attach(checklist, "api-cors", charlie, "https://localhost/")
        (evidence,) = checking.start(checklist, ["api-cors"], charlie)
        assert codes(evidence) == ["no_address"]

    @pytest.mark.parametrize(
        ("address", "code"),
        [
            ("https://elsewhere.example/", "host_not_allowed"),
            ("https://localhost:8443/", "host_not_allowed"),
            ("https://localhost.elsewhere.example/", "host_not_allowed"),
            ("https://user@localhost/", "bad_address"),
            ("ftp://localhost/", "bad_address"),
            ("https://localhost:999999/", "bad_address"),
        ],
    )
    def test_only_where_an_operator_allows_it(self, atlas, admin, settings, address, code):
        settings.API_PROBE_HOSTS = [("localhost", None), ("api.example", 8443)]
        checklist = make_checklist(draft(atlas), "api-cors")
        attach(checklist, "api-cors", admin, address)
        (evidence,) = checking.start(checklist, ["api-cors"], admin)
        assert codes(evidence) == [code]
        assert evidence.job is None

    def test_the_newest_address_of_the_item_counts_before_those_of_others(
        self, atlas, admin, settings
    ):
        from llmhub.checklists.checks import About, api_probe

        checklist = make_checklist(draft(atlas), "api-cors", "api-https", "data-clean")
        about = About(checklist, checklist.template_version.parsed.item("api-cors"))
        attach(checklist, "data-clean", admin, "https://not-of-an-api.example/")
        assert api_probe.address_of(about) == ""
        attach(checklist, "api-https", admin, "https://other.example/")
        assert api_probe.address_of(about) == "https://other.example/"
        attach(checklist, "api-cors", admin, "https://old.example/")
        attach(checklist, "api-cors", admin, "https://new.example/")
        attach(checklist, "api-https", admin, "https://newest.example/")
        assert api_probe.address_of(about) == "https://new.example/"

    def test_nobody_listens(self, probed, unused_tcp_port):
        evidence = probed("api-authentication", port=unused_tcp_port)
        assert codes(evidence) == ["unreachable"]

    @pytest.mark.parametrize(
        ("host", "address", "may"),
        [
            ("api.example", "93.184.216.34", True),
            ("api.internal", "10.0.0.7", True),
            ("api.example", "127.0.0.1", False),
            ("api.example", "::1", False),
            ("api.example", "::ffff:127.0.0.1", False),
            ("api.example", "169.254.169.254", False),
            ("169.254.169.254", "169.254.169.254", False),
            ("api.example", "fe80::1%eth0", False),
            ("api.example", "0.0.0.0", False),  # noqa: S104
            ("api.example", "224.0.0.1", False),
            ("localhost", "127.0.0.1", True),
            ("127.0.0.1", "127.0.0.1", True),
        ],
    )
    def test_a_name_must_not_lead_to_this_machine_nor_to_the_clouds_own(self, host, address, may):
        assert asking.may_ask(host, address) is may

    def test_what_a_name_stands_for_is_asked_once(self, monkeypatch, certificate):
        """Whoever changes it meanwhile changes nothing."""
        asked = []
        lookup = socket.getaddrinfo

        def counted(host, *rest, **named):
            if host == "localhost":
                asked.append(host)
            return lookup(host, *rest, **named)

        monkeypatch.setattr(socket, "getaddrinfo", counted)
        with served(Manners(), None) as port:
            target = asking.Target.of(f"http://localhost:{port}/")
            for _ in range(3):
                asking.ask(target)
        assert asked == ["localhost"]

    def test_an_answer_without_end_is_cut_off(self):
        manners = Manners(body=b"x" * 10_000_000)
        with served(manners, None) as port:
            target = asking.Target.of(f"http://localhost:{port}/")
            assert asking.ask(target).status == 401
