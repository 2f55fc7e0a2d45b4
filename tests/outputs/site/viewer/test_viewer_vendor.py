import hashlib
import tomllib
from pathlib import Path

import pytest

import outputs.site.viewer
from outputs.site.viewer.write import vendored

VENDOR = Path(outputs.site.viewer.__file__).with_name("vendor")


@pytest.mark.parametrize(("name", "sha256"), list(vendored()), ids=[name for name, _ in vendored()])
def test_a_file_of_others_is_as_its_makers_published_it(name: str, sha256: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == sha256


def test_no_file_of_others_lies_there_without_a_record() -> None:
    assert {one.name for one in VENDOR.iterdir()} == {"VENDOR.toml", *(name for name, _ in vendored())}


def test_every_package_names_version_origin_and_a_licence_that_is_there() -> None:
    for package in tomllib.loads((VENDOR / "VENDOR.toml").read_text(encoding="utf-8"))["package"]:
        assert package["version"][0].isdigit()
        assert package["origin"] == "npm"
        assert package["licence"].split()[0] in {"BSD-3-Clause", "OFL-1.1"}
        assert (VENDOR / package["licence_file"]).stat().st_size > 1000
