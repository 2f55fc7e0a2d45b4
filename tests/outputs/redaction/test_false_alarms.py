"""What all releases carry alike is no leak, and nothing hides behind it."""

import json
import shutil
import unicodedata
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from geo.errors import ConfigError, StateError
from outputs.matching.text import plain
from outputs.redaction.forbidden import Forbidden, SecretPlace
from outputs.redaction.judge import Judge
from outputs.redaction.leaks import LeakKind, find_leaks
from outputs.redaction.memory import Memory
from outputs.redaction.names import NameSearch
from outputs.redaction.secret import SECRET_NAME, user_secret
from outputs.site.viewer.base import ground, ground_points
from outputs.site.viewer.write import shipped, vendored

NAME = "Yengi Hayat Textile"


def test_what_a_site_carries_as_it_is_is_known_by_its_content(tmp_path: Path) -> None:
    known = shipped()
    assert {mark for _, mark in vendored()} <= known
    script = b"var a = '" + NAME.encode() + b"';"
    (tmp_path / "library.js").write_bytes(script)
    forbidden = Forbidden(names=(NAME,), same_everywhere=frozenset({sha256(script).hexdigest()}))
    assert find_leaks(tmp_path, forbidden) == ()
    (tmp_path / "library.js").write_bytes(script + b" ")
    assert [leak.kind for leak in find_leaks(tmp_path, forbidden)] == [LeakKind.NAME]


def test_the_name_of_such_a_file_is_searched_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "yengi-hayat-textile.js").write_bytes(b"x")
    forbidden = Forbidden(names=(NAME,), same_everywhere=frozenset({sha256(b"x").hexdigest()}))
    assert [leak.where for leak in find_leaks(tmp_path, forbidden)] == ["name of the file or folder"]


def test_a_town_on_the_map_is_no_leak_of_what_lies_beside_it_and_any_other_figure_is(tmp_path: Path) -> None:
    shapes = [box(75.9, 39.4, 76.1, 39.6)]
    town = min(ground_points(shapes), key=lambda one: abs(one[0] - 75.99) + abs(one[1] - 39.47))
    secret = SecretPlace(label="it", shape_4326=Point(town[0] + 0.004, town[1]), shown_to_m=7000.0)
    forbidden = Forbidden(places=(secret,), common=ground_points(shapes))
    (tmp_path / "ground.js").write_text(json.dumps(ground(shapes)), encoding="utf-8")
    assert find_leaks(tmp_path, Forbidden(places=(secret,))) != ()
    assert find_leaks(tmp_path, forbidden) == ()
    (tmp_path / "text.md").write_text(f"{town[1]:.4f}, {town[0] + 0.004:.4f}", encoding="utf-8")
    assert {leak.file for leak in find_leaks(tmp_path, forbidden)} == {"text.md"}


@given(
    places=st.lists(st.tuples(st.floats(-170, 170), st.floats(-80, 80), st.floats(0.001, 2)), min_size=1, max_size=8),
    value=st.floats(-180, 180),
    half=st.sampled_from([1e-6, 1e-4, 1e-2, 0.4]),
)
def test_a_figure_fits_if_it_lies_in_the_span_of_any_place(
    places: list[tuple[float, float, float]], value: float, half: float
) -> None:
    shapes = [Point(lon, lat).buffer(size) for lon, lat, size in places]
    judge = Judge(
        Forbidden(places=tuple(SecretPlace(label="x", shape_4326=shape, shown_to_m=7000.0) for shape in shapes))
    )
    for axis in (0, 1):
        spans = [(one.bounds[axis], one.bounds[axis + 2]) for one in judge.shapes_4326]
        sizes = [
            (0.0 if low * high <= 0 else min(abs(low), abs(high)), max(abs(low), abs(high))) for low, high in spans
        ]
        is_in = any(least - half <= abs(value) <= most + half for least, most in sizes)
        assert judge.fits(np.array([value]), np.array([half]), axis=axis)[0] or not is_in


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.text(max_size=30),
    between=st.sampled_from(["", " ", "-", "_", "\n", " · ", "\u00a0", "/", "..", "\u2019"]),
    after=st.text(max_size=30),
    change=st.sampled_from([str, str.upper, str.lower, str.title, lambda text: text.replace("e", "e\u0301")]),
)
@example(before="", between="\n", after="\x00", change=str)  # a zero makes other bytes of a text
def test_a_name_is_found_in_whatever_stands_around_it(
    tmp_path: Path, before: str, between: str, after: str, change: Callable[[str], str]
) -> None:
    said = between.join(change(word) for word in NAME.split())
    folder = tmp_path / "one"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "a.md").write_text(f"{before} {said} {after}".encode("utf-8", "replace").decode(), encoding="utf-8")
    assert any(leak.what == NAME for leak in find_leaks(folder, Forbidden(names=(NAME,))))


@given(text=st.text(max_size=200))
def test_plain_letters_are_those_of_a_letter_by_letter_reading(text: str) -> None:
    flat = unicodedata.normalize("NFKD", text.casefold())
    slow = "".join(sign for sign in flat if not unicodedata.combining(sign))
    for apostrophe in "'`\u2018\u2019\u02bc\u02bb\u00b4":
        slow = slow.replace(apostrophe, "")
    assert plain(text) == slow


@pytest.mark.parametrize("text", ["yengihayattextileworks", "ayengi hayat textile", "yengi hayat"])
def test_a_part_of_a_word_is_no_name(text: str) -> None:
    assert list(NameSearch([NAME]).found(text)) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_files_with_exact_places_and_the_secret_are_refused_while_others_may_read_them(
    tmp_path: Path, mode: int
) -> None:
    secret = user_secret(tmp_path)
    Memory().save(tmp_path / "places.json")
    for path in (tmp_path / SECRET_NAME, tmp_path / "places.json"):
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        user_secret(tmp_path)
    with pytest.raises(StateError, match="chmod 600"):
        Memory.load(tmp_path / "places.json")
    (tmp_path / SECRET_NAME).chmod(0o600)
    assert user_secret(tmp_path) == secret
