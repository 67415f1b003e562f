"""A file of text is read whichever program wrote it, or is told what it is instead."""

import pytest

from langseg.descriptors.vocabulary.text_file import read_text_file


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text__is_the_same_in_every_encoding_and_with_every_line_end(codec, encoding, end):
    text = "café table\njack-o’-lantern\ncrème brûlée\nwall – brick\npiñata\nSträucher\n"
    found = read_text_file(text.replace("\n", end).encode(codec))
    assert (found.text, found.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("стол\nстул\nокно\n", "cp1251"),
        ("стол\nстул\nокно\n", "koi8-r"),
        ("τραπέζι\nκαρέκλα\n", "cp1253"),
        ("桌子\n椅子\n", "gb18030"),
        ("机\nテーブル\n", "shift-jis"),
        ("krzesło\nstół\n", "cp1250"),
        ("ışık direği\nağaç\n", "cp1254"),
        ("židle\nstůl\n", "cp1250"),
        ("café table\n", "mac-roman"),
        ("café table\n", "cp850"),
        ("Küche\n", "cp437"),
        ("كرسي\n", "cp1256"),
    ],
)
def test_another_code_page__is_refused_and_not_guessed(text, codec):
    with pytest.raises(ValueError, match=r"another encoding \(byte \d+ .*save it as UTF-8"):
        read_text_file(text.encode(codec))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PK\x03\x04\x14\x00", "spreadsheet"),
        (b"\x89PNG\r\n\x1a\n", "PNG picture"),
        (b"\x93NUMPY\x01\x00", "NumPy array"),
        (b"wall\x00\x01\xfe", "binary data|another encoding"),
        (b"wall\x00\x00", "binary data"),
        (b"\xff\xfew\x00a", "broken UTF-16"),
        (b"\n<!DOCTYPE html>\n<html><body>wall</body></html>", "web page.*Raw"),
        (b"<html>\n<head>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "git lfs pull"),
    ],
)
def test_file_that_is_no_text__is_told_what_it_is(data, what):
    with pytest.raises(ValueError, match=what):
        read_text_file(data)
