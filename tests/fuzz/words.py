"""The words that each format is made of, for texts that come far into its reader."""

from __future__ import annotations

CLASS_WORDS = (
    *(
        "road",
        "sky",
        "void",
        "1",
        "0",
        "255",
        "-1",
        " ",
        "  ",
        "\t",
        "\n",
        "\n",
        ",",
        ";",
        ":",
        "#",
    ),
    *("#804080", "128 64 128", "name", "id", "color", "r,g,b", '"', "'", "=", "->", "(", ")", "\0"),
    *("\x1b[2J", "\u202e", "\ufeff", "\x85", "name,id\n", "::", "|", "."),
)

TOML_WORDS = (
    *("epochs", "size", "model", "=", " = ", "[", "]", "[[", "]]", "{", "}", ",", ".", "\n", "\n"),
    *(
        "1",
        "-1",
        "0x1",
        "1e9",
        "inf",
        "nan",
        "true",
        '"a"',
        "'a'",
        '"""',
        "'''",
        "#",
        "\\",
        "\\u0000",
    ),
    *("2020-01-01", "12:00:00", "model_options", "data", "crop = [1, 2]\n", "a.b.c", "\x00", "_"),
)

PICKLE_WORDS = (
    *(b"\x80\x04", b"(", b")", b"}", b"]", b"t", b"u", b"s", b"e", b"a", b".", b"0", b"1", b"2"),
    *(b"R", b"b", b"Q", b"q\x00", b"h\x00", b"\x94", b"\x93", b"\x81", b"N", b"\x88", b"K\x02"),
    *(b"J\xff\xff\xff\x7f", b"\x8a\x08" + b"\xff" * 8, b"\x85", b"\x86", b"\x87", b"\x8c\x010"),
    *(b"\x8c\x05torch\x8c\x0cFloatStorage\x93", b"\x8c\x07storage", b"ctorch\nFloatStorage\n"),
    *(b"\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93", b"ccollections\nOrderedDict\n"),
    *(b"cos\nsystem\n", b"r\xff\xff\xff\x7f", b"\x8d" + b"\xff" * 7 + b"\x00", b"\x8c\x01a"),
)

REQUEST_WORDS = (
    *(
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"/",
        b"/web/",
        b"/web/app.js",
        b"%00",
        b"%2e%2e",
        b"..",
        b"%2f",
    ),
    *(
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b" HTTP/9.9\r\n",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        b"?",
        b"#",
    ),
    *(b"Host: localhost\r\n", b"Host: evil.example\r\n", b"Connection: close\r\n", b"//", b"\\"),
    *(b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"),
    *(
        b"Range: bytes=0-1\r\n",
        b"If-Modified-Since: x\r\n",
        b"\x16\x03\x01",
        b"\xff",
        b"\x00",
        b"a: b\r\n",
    ),
)
