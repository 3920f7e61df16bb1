"""Whether those who signed are those who are asked for: each person stands for one of them."""

import pytest

from llmhub.checklists.items import Signer
from llmhub.checklists.matching import missing


def seats(**counts):
    return [Signer(role=role, count=count) for role, count in counts.items()]


@pytest.mark.parametrize(
    ("wanted", "people", "empty"),
    [
        (seats(member=1), [], {"member": 1}),
        (seats(member=2), ["member"], {"member": 1}),
        (seats(member=1), ["admin"], {}),
        # One approver cannot be both.
        (seats(member=1, approver=1), ["approver"], {"member": 1}),
        # By counting roles these three would do: there are two who may approve.
        (seats(approver=2, admin=1), ["approver", "admin", "member"], {"approver": 1}),
        (seats(approver=1, admin=1), ["approver", "admin"], {}),
        # Whoever comes first must not keep the seat that only they could leave.
        (seats(member=1, approver=1), ["approver", "member"], {}),
        (seats(member=1, approver=1), ["admin", "member"], {}),
        (seats(member=1, approver=1, admin=1), ["admin", "approver", "member"], {}),
        (seats(member=1, approver=1, admin=1), ["admin", "admin", "admin"], {}),
        (seats(admin=1), ["approver", "member"], {"admin": 1}),
        (seats(member=1), ["viewer"], {"member": 1}),
        ([], [], {}),
    ],
)
def test_people_are_matched_to_what_is_asked_for(wanted, people, empty):
    found = missing(wanted, dict(enumerate(people)))
    assert {signer.role: signer.count for signer in found} == empty
    # The order in which they signed or are asked for changes nothing.
    turned = missing(wanted[::-1], dict(enumerate(people[::-1])))
    assert {signer.role: signer.count for signer in turned} == empty
