"""Does any file of a release tell an exact place or a name that its audience must not know?

Every file is read, whatever it is called, with all that lies in it; what is a leak, `outputs.redaction.judge` says.
What pixels show is not searched.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from geo.errors import OutputError
from outputs.redaction.codes import CodeSearch
from outputs.redaction.forbidden import Forbidden
from outputs.redaction.judge import Judge
from outputs.redaction.names import NameSearch
from outputs.redaction.numbers import positions_in
from outputs.redaction.pieces import Piece, Places, Raw, Text, Unread
from outputs.redaction.raw import raw_positions
from outputs.redaction.read_files import file_pieces
from outputs.redaction.read_text import variants

_MOST_OF_ONE = 20
"""Findings of one piece of a file: more say nothing new."""


class LeakKind(StrEnum):
    """What was found."""

    COORDINATE = "coordinate"
    NAME = "name"
    NOT_CHECKED = "not checked"
    """A file, or a part of one, that cannot be read and is of no type that may go out unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One finding. It names what must not be told: it is for the user alone."""

    file: str
    """Relative to the folder."""
    where: str
    """In the file: line, member, table and row, tag."""
    kind: LeakKind
    what: str
    """Whose place or which name; of what is not checked, why."""

    def words(self) -> str:
        """Return the finding as one line."""
        return f"{self.file}: {self.where}: {self.kind.value}: {self.what}"


def find_leaks(folder: Path, forbidden: Forbidden) -> tuple[Leak, ...]:
    """Return what the files in `folder`, and their names, tell though they must not, by file.

    Raises:
        OutputError: A file cannot be opened; names it.

    """
    search = _Search(forbidden)
    found: dict[Leak, None] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        for leak in search.in_path(path, name):
            found.setdefault(leak)
    return tuple(found)


class _Search:
    """Looks for everything that is forbidden."""

    def __init__(self, forbidden: Forbidden) -> None:
        self._judge = Judge(forbidden)
        self._codes = CodeSearch(self._judge)
        self._names = NameSearch(forbidden.names)
        self._unread = forbidden.unread_types
        self._same = forbidden.same_everywhere

    def in_path(self, path: Path, name: str) -> Iterator[Leak]:
        for where, kind, what in self._in_text(Text(where="name of the file or folder", text=name, is_row=True)):
            yield Leak(file=name, where=where, kind=kind, what=what)
        if path.is_symlink():
            yield Leak(file=name, where="link", kind=LeakKind.NOT_CHECKED, what="points elsewhere")
        elif path.is_file():
            content = _content(path)
            if sha256(content).hexdigest() in self._same:
                return
            for piece in file_pieces(name, content):
                for where, kind, what in self._in_piece(piece, path.suffix.lower()):
                    yield Leak(file=name, where=where, kind=kind, what=what)

    def _in_piece(self, piece: Piece, suffix: str) -> Iterator[tuple[str, LeakKind, str]]:
        if isinstance(piece, Text):
            yield from self._in_text(piece)
        elif isinstance(piece, Places):
            for _, label in self._judge.found(piece.positions)[:_MOST_OF_ONE]:
                yield piece.where, LeakKind.COORDINATE, label
        elif isinstance(piece, Raw):
            yield from self._in_raw(piece)
        elif isinstance(piece, Unread) and suffix not in self._unread:
            yield piece.where, LeakKind.NOT_CHECKED, piece.reason

    def _in_raw(self, piece: Raw) -> Iterator[tuple[str, LeakKind, str]]:
        for positions in () if self._judge.is_idle else raw_positions(piece.data, self._judge):
            for offset, label in self._judge.found(positions)[:_MOST_OF_ONE]:
                yield f"{piece.where}, byte {offset}", LeakKind.COORDINATE, label

    def _in_text(self, piece: Text) -> Iterator[tuple[str, LeakKind, str]]:
        told: set[tuple[LeakKind, str]] = set()
        for text, has_new_words in variants(piece.text):
            for line, kind, what in self._in_variant(text, has_new_words=has_new_words):
                if (kind, what) not in told and len(told) < _MOST_OF_ONE:
                    told.add((kind, what))
                    yield piece.where if piece.is_row else f"{piece.where}, line {line + 1}", kind, what

    def _in_variant(self, text: str, *, has_new_words: bool) -> Iterator[tuple[int, LeakKind, str]]:
        for line, name in self._names.found(text) if has_new_words else ():
            yield line, LeakKind.NAME, name
        if self._judge.is_idle:
            return
        for positions in positions_in(text, self._judge):
            for offset, label in self._judge.found(positions):
                yield text.count("\n", 0, offset), LeakKind.COORDINATE, label
        coded = self._codes.positions_in(text)
        for offset, label in self._judge.found(coded) if coded is not None else ():
            yield text.count("\n", 0, offset), LeakKind.COORDINATE, label


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(f"cannot search {path}: {error.strerror}") from error
