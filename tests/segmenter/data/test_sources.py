import os
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from langseg.cache.errors import InputError
from langseg.segmenter.data.sources import ZipMember, open_folder
from tests.support.tiny_segmenter import touch


def zipped(path: Path, *names: str) -> Path:
    """A zip file whose members hold their own names."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return path


NAMES = ("top/images/a.jpg", "top/images/city/b.JPG", "top/notes.txt")
JUNK = ("__MACOSX/top/images/._a.jpg", "top/images/.DS_Store", "top/images/._a.jpg")


@pytest.fixture(params=["disk", "zip"])
def top(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "zip":
        return zipped(tmp_path / "data.zip", *NAMES, *JUNK)
    touch(tmp_path / "data", *NAMES, *JUNK[1:])
    return tmp_path / "data"


def test_folder__finds_what_is_in_it_on_disk_and_in_a_zip_alike(top):
    outer, inner, *_ = open_folder(top).within()
    assert outer.find("images") is None
    images = inner.find("images")
    assert images is not None
    assert set(images.listed((".jpg",), nested=True).files) == {"a.jpg", "city/b.JPG"}
    assert set(images.listed((".jpg",), nested=False).files) == {"a.jpg"}
    listed = inner.listed((".jpg",), nested=True)
    assert set(listed.files) == {"images/a.jpg", "images/city/b.JPG"}
    assert listed.others == {".txt": 1}
    notes = inner.file("notes.txt")
    assert notes is not None
    assert inner.file("gone.txt") is inner.file("gone/notes.txt") is None


def test_folder__takes_a_zip_beside_it_for_a_folder_of_that_name(tmp_path):
    zipped(tmp_path / "train2017.zip", "train2017/a.jpg")
    zipped(tmp_path / "flat.zip", "b.jpg")
    for name, file in (("train2017", "a.jpg"), ("flat", "b.jpg")):
        folder = open_folder(tmp_path).find(name)
        assert folder is not None
        assert list(folder.listed((".jpg",), nested=False).files) == [file]


def test_zip_member__is_read_by_other_processes_and_threads(tmp_path):
    names = [f"a/{number}" for number in range(40)]
    path = zipped(tmp_path / "a.zip", *names)
    members = [ZipMember(path, name, 4) for name in names]
    assert pickle.loads(pickle.dumps(members[7])).read_bytes() == b"a/7"
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ZipMember.read_bytes, members * 5)) == [n.encode() for n in names * 5]
    children = [os.fork() for _ in range(2)]
    if 0 in children:  # both read at once, through what would be one place in the file
        whole = all(member.read_bytes() == member.inside.encode() for member in members * 20)
        os._exit(0 if whole else 1)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def test_zip_member__of_a_damaged_or_another_archive_is_named(tmp_path):
    path = zipped(tmp_path / "a.zip", "a.txt", "b.txt")
    data = bytearray(path.read_bytes())
    data[data.index(b"a.txt") + 6] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a.zip/a.txt: cannot be unpacked"):
        ZipMember(path, "a.txt", 5).read_bytes()
    with pytest.raises(InputError, match=r"a.zip/gone: cannot be unpacked"):
        ZipMember(path, "gone", 5).read_bytes()
    with pytest.raises(InputError, match=r"wanted at most 1 GiB"):
        ZipMember(path, "b.txt", 2**31).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a.zip: wanted a folder or a zip file"):
        open_folder(path)


def test_folder__names_a_link_to_nothing(tmp_path):
    (tmp_path / "a.jpg").symlink_to("/gone/a.jpg")
    (tmp_path / "README").symlink_to("/gone/README")
    with pytest.raises(InputError, match=r"a.jpg: wanted a file, got a link to /gone/a.jpg"):
        open_folder(tmp_path).listed((".jpg",), nested=False)
    assert open_folder(tmp_path).listed((".png",), nested=False).files == {}


def test_folder__survives_links_that_lead_back(tmp_path):
    touch(tmp_path, "a/x.jpg")
    (tmp_path / "a/back").symlink_to(tmp_path)
    assert "a/x.jpg" in open_folder(tmp_path).listed((".jpg",), nested=True).files
