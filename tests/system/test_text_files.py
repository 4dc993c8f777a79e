"""Text of others: bounded in size, depth and time, and one kind of error for all that is wrong."""

from __future__ import annotations

import time

import pytest

from segnet_tf.config_files import read_config
from segnet_tf.errors import UserError
from segnet_tf.system import limits
from segnet_tf.system.json_files import read_json, write_json
from segnet_tf.system.text_files import parse_json, parse_toml, read_text


def test_text_with_and_without_a_mark(tmp_path):
    for content in ("é\n".encode(), b"\xef\xbb\xbf" + "é\n".encode()):
        (tmp_path / "a.txt").write_bytes(content)
        assert read_text(tmp_path / "a.txt") == "é\n"


def test_a_file_without_end_is_read_up_to_the_limit():
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        read_text("/dev/zero", 1000)


def test_the_limit_is_stated_and_can_be_raised(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text('{"a": "' + "b" * 200 + '"}', "utf-8")
    monkeypatch.setenv(limits.MAX_TEXT_BYTES, "100")
    with pytest.raises(UserError, match="more than 100 bytes; SEGNET_TF_MAX_TEXT_BYTES in"):
        read_json(path)
    monkeypatch.setenv(limits.MAX_TEXT_BYTES, "1000")
    assert read_json(path) == {"a": "b" * 200}


@pytest.mark.parametrize("value", ["", "0", "-5", "1e9", "many", "٣", "9" * 5000])
def test_a_limit_is_a_number(monkeypatch, value):
    monkeypatch.setenv(limits.MAX_PIXELS, value)
    with pytest.raises(UserError, match="`SEGNET_TF_MAX_PIXELS` must be a whole number"):
        limits.limit(limits.MAX_PIXELS)


@pytest.mark.parametrize("text", ["[" * 100000, '{"a":' * 100000, "1" * 5000, "{", ""])
def test_json_that_is_none(text):
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=" + "[" * 3000, "nested too deeply"),
        ("a=" + "{a=" * 1000, "nested too deeply"),
        (".".join("a" * 20000) + "=1", "more than 4096 characters"),
        ("#" + "\n" * 65536, "more than 65536 characters"),
        ("a = ", "Invalid value"),
    ],
)
def test_toml_that_is_none(tmp_path, text, words):
    began = time.perf_counter()
    with pytest.raises(ValueError, match=words):
        parse_toml(text)
    (tmp_path / "a.toml").write_text(text, "utf-8")
    with pytest.raises(UserError, match=words) as caught:
        read_config(tmp_path / "a.toml")
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - began < 10  # 22 s for 20,000 dots before


def test_a_report_holds_any_file_name(tmp_path):
    write_json(tmp_path / "a.json", {"path": "é\udcff"})
    assert (tmp_path / "a.json").read_bytes() == b'{\n  "path": "\xc3\xa9\\udcff"\n}\n'
    assert read_json(tmp_path / "a.json") == {"path": "é\udcff"}


@pytest.mark.parametrize("content", [b"[]", b"null", b"1.5", b"\xff\xfe", b"[" * 99999, b"NaN"])
def test_json_that_is_no_object_is_one_line(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_json(tmp_path / "config.json")
    assert "config.json" in str(caught.value) and "\n" not in str(caught.value)
