"""Markdown of strangers becomes HTML that does nothing by itself."""

import pytest

from llmhub.lib.markdown import html_of


def test_what_people_write_is_shown():
    html = html_of("# Title\n\n*a* **b** ~~c~~ `d`\n\n- one\n- two\n\n|x|y|\n|-|-|\n|1|2|\n")
    for part in ("<h3>Title</h3>", "<em>a</em>", "<s>c</s>", "<code>d</code>", "<li>two</li>"):
        assert part in html
    assert "<td>2</td>" in html


@pytest.mark.parametrize(
    ("text", "unsafe"),
    [
        ("<script>alert(1)</script>", "<script"),
        ("[x](javascript:alert(1))", "href"),
        ("[x](data:text/html,x)", "href"),
        ("![x](https://example.com/x.png)", "<img"),
        ("<b onmouseover=alert(1)>x</b>", "<b"),
        ("[x](https://example.com 'a\" onclick=\"b')", ' onclick="'),
        ("```html\n</code><script>x</script>\n```", "<script"),
    ],
)
def test_nothing_runs_loads_or_leads_astray(text, unsafe):
    assert unsafe not in html_of(text)


def test_links_tell_nobody_where_they_were_followed_from():
    assert 'rel="noopener noreferrer nofollow"' in html_of("[x](https://example.com)")
    assert 'rel="noopener noreferrer nofollow"' in html_of("[x](//example.com)")


@pytest.mark.parametrize("text", ["[", "![", ">", "- ", "*a ", "`a", "|a", "a**"])
def test_the_same_over_and_over_is_read(text):
    assert isinstance(html_of(text * (50_000 // len(text))), str)
