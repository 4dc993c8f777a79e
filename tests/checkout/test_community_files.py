"""Files for those who come to the repository: they say what the code says."""

from __future__ import annotations

import re

from checkout_files import ROOT

from segnet_tf import __version__


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_citation_has_this_version():
    assert re.findall(r"^version: (.*)$", text("CITATION.cff"), re.MULTILINE) == [__version__]


def test_the_workflow_runs_what_ci_runs_and_nothing_else():
    commands = re.findall(r"^\s*- run: (.*)$", text(".github/workflows/ci.yml"), re.MULTILINE)
    assert commands == [".ci/run"]
    python = re.search(r'python-version: "([\d.]+)"', text(".github/workflows/ci.yml"))[1]
    assert f"Python :: {python}" in text("setup.cfg")


def test_the_container_has_the_tested_python_and_starts_with_the_first_command():
    lines = text("Dockerfile").splitlines()
    assert any(re.match(r"FROM python:3\.11\b", line) for line in lines)
    assert lines[-1] == 'CMD ["make", "demo"]' and "RUN make setup" in lines
    # What git knows is what the tests look at.
    assert ".git" not in text(".dockerignore").split()


def test_issue_forms_ask_for_what_a_report_needs():
    form = text(".github/ISSUE_TEMPLATE/bug.yml")
    assert form.count("required: true") == 3 and "--data synthetic" in form
