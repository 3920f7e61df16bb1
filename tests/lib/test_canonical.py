import json

import pytest
from django.db import connection

from llmhub.lib.canonical import canonical, digest


@pytest.mark.parametrize(
    "value",
    [0.1, 1e-7, 1.0, 1e15, 1e16, 1.5e300, -2.5e20, -0.0, 2**53 + 1, [1e16, {"a": -0.0}], "é\u2028"],
)
def test_the_digest_of_a_value_is_that_of_what_the_database_gives_back(db, value):
    with connection.cursor() as cursor:
        cursor.execute("SELECT jsonb_build_object('a', %s::jsonb)", [json.dumps(value)])
        [stored] = cursor.fetchone()
    assert digest(json.loads(stored)["a"]) == digest(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_does_not_know_is_refused(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical(value)
