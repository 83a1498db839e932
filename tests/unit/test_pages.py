from __future__ import annotations

import pytest
from jinja2 import DictLoader, TemplateRuntimeError, UndefinedError

from samerun.pages import templates

PAGE = (
    '{% extends "base.html" %}{% block title %}{{ name }}{% endblock %}{% block body %}<p>{{ name }}</p>{% endblock %}'
)


@pytest.fixture(params=["samerun.divergence", "samerun.lab", "samerun.verify"])
def environment(request):
    found = templates(request.param)
    found.loader.loaders = [
        DictLoader({"own.html": PAGE, "bare.html": '{% extends "base.html" %}'}),
        *found.loader.loaders,
    ]
    return found


def test_a_page_has_the_styles_of_its_package_and_its_text_is_escaped(environment):
    text = environment.get_template("own.html").render(name="<b>&")
    assert text.startswith("<!doctype html>")
    assert "<title>&lt;b&gt;&amp;</title>" in text
    assert "<p>&lt;b&gt;&amp;</p>" in text
    assert "--ink: #1d2430" in text
    assert "{%" not in text


def test_a_page_without_a_body_or_a_value_is_an_error(environment):
    with pytest.raises(TemplateRuntimeError, match="Required block 'title' not found"):
        environment.get_template("bare.html").render()
    with pytest.raises(UndefinedError):
        environment.get_template("own.html").render()
