import re
import tomllib
from pathlib import Path

import pytest

import outputs.site.viewer
from outputs.site.viewer.content import LANGUAGES
from outputs.site.viewer.words import words_of
from outputs.vocabulary import EVENT_WORDS, NOT_REVIEWED, OUTCOME_WORDS, REVIEWED, STATUS_WORDS

HERE = Path(outputs.site.viewer.__file__).parent
CATALOGUE = tomllib.loads((HERE / "words.toml").read_text(encoding="utf-8"))


def test_the_catalogue_has_the_languages_of_the_content() -> None:
    assert set(CATALOGUE) == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_no_key_that_english_lacks(language: str) -> None:
    assert set(CATALOGUE[language]) <= set(CATALOGUE["en"])


def test_chinese_is_complete() -> None:
    assert set(CATALOGUE["zh"]) == set(CATALOGUE["en"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_fill_in_what_english_fills_in(language: str) -> None:
    for key, text in CATALOGUE[language].items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", CATALOGUE["en"][key])), key


@pytest.mark.parametrize(
    ("group", "table"),
    [("event", EVENT_WORDS), ("status", STATUS_WORDS), ("outcome", OUTCOME_WORDS), ("verdict", REVIEWED)],
)
def test_english_says_what_all_other_products_say(group: str, table: dict[str, str]) -> None:
    for value, said in table.items():
        assert CATALOGUE["en"][f"{group}.{value}"] == said
    assert CATALOGUE["en"]["verdict.none"] == NOT_REVIEWED


def test_every_word_that_a_page_or_a_script_asks_for_is_in_the_catalogue() -> None:
    asked = set()
    for page in (HERE / "templates").iterdir():
        asked |= set(re.findall(r"\b(?:t|p|words_t|words_p)\(\"(\w+)\"[,)]", page.read_text(encoding="utf-8")))
    for script in (HERE / "static").glob("*.js"):
        asked |= set(re.findall(r"site\.(?:phrase|say)\((?:[\w.]+, )?\"(\w+)\"", script.read_text(encoding="utf-8")))
    assert len(asked) > 40
    assert asked <= set(CATALOGUE["en"])


def test_english_that_stands_in_is_marked_as_english_and_turned_its_way() -> None:
    assert words_of("ug").marked("method") == '<span lang="en" dir="ltr">Method and limits</span>'
    assert "<span" not in words_of("zh").marked("method")
    assert words_of("ug").direction == "rtl"


def test_values_are_escaped_in_marked_words() -> None:
    assert "<b>" not in words_of("zh").marked("created", day="<b>")
