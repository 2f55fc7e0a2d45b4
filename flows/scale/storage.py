"""What all workers of a run can reach: files in a folder, or objects in an S3-compatible store.

Each file or object appears whole or not at all.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.logs import known_secrets, without_secrets
from geo.atomic import atomic_file
from geo.errors import ConfigError, OutputError

ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"
_S3 = "s3://"
_CONNECT_S, _ANSWER_S, _ATTEMPTS = 5, 60, 4


class Storage:
    """Bytes by name, below one folder or one prefix of a bucket."""

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/")

    def __reduce__(self) -> tuple[type["Storage"], tuple[str]]:
        return type(self), (self.place,)

    @property
    def folder(self) -> Path | None:
        """Where the files lie; None where they are objects."""
        return None if self.place.startswith(_S3) else Path(self.place)

    def check(self) -> None:
        """Write a few bytes and read them back.

        Raises:
            OutputError: That cannot be done.
            ConfigError: The program lacks what it takes.

        """
        name = f"check-{os.getpid()}"
        self.write(b"sitewatch", name)
        if self.read(name) != b"sitewatch":
            raise OutputError(f"{self.place}: does not give back what was written there")
        self.remove(name)

    def has(self, name: str) -> bool:
        """Say whether there is something of that name."""
        with self._speaking(name):
            if self.folder is not None:
                return (self.folder / name).is_file()
            return bool(self._remote.exists(self._path(name)))

    def write(self, data: bytes, name: str) -> None:
        """Put `data` there as `name`; what was there before is replaced.

        Raises:
            OutputError: The storage does not take it.

        """
        with self._speaking(name):
            if self.folder is not None:
                with atomic_file(self.folder / name) as part:
                    part.write_bytes(data)
            else:
                self._remote.pipe_file(self._path(name), data)

    def put(self, path: Path, name: str) -> None:
        """Put the file at `path` there as `name`.

        Raises:
            OutputError: The storage does not take it.

        """
        with self._speaking(name):
            if self.folder is not None:
                with atomic_file(self.folder / name) as part:
                    shutil.copyfile(path, part)
            else:
                self._remote.put_file(str(path), self._path(name))

    def read(self, name: str) -> bytes | None:
        """Return what is there as `name`, or None.

        Raises:
            OutputError: The storage does not answer.

        """
        with self._speaking(name):
            try:
                if self.folder is not None:
                    return (self.folder / name).read_bytes()
                return bytes(self._remote.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def fetch(self, name: str, path: Path) -> None:
        """Write what is there as `name` to `path`, whole or not at all.

        Raises:
            OutputError: It is not there, the storage does not answer, or the disk does not take it.

        """
        with atomic_file(path) as part, self._speaking(name):
            if self.folder is not None:
                shutil.copyfile(self.folder / name, part)
            else:
                self._remote.get_file(self._path(name), str(part))

    def remove(self, name: str) -> None:
        """Take away what is there as `name` or below it, if anything is.

        Raises:
            OutputError: The storage does not answer.

        """
        with self._speaking(name):
            if self.folder is not None:
                path = self.folder / name
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            elif self._remote.exists(self._path(name)):
                self._remote.rm(self._path(name), recursive=True)

    @cached_property
    def _remote(self) -> Any:  # noqa: ANN401 - a file system of fsspec, which is not typed
        try:
            import s3fs  # noqa: PLC0415 - only where it is wanted
        except ImportError as error:
            raise ConfigError(f"{self.place}: needs the package s3fs: pip install 'sitewatch[scale]'") from error
        return s3fs.S3FileSystem(
            endpoint_url=os.environ.get(ENDPOINT_VARIABLE) or None,
            config_kwargs={
                "connect_timeout": _CONNECT_S,
                "read_timeout": _ANSWER_S,
                "retries": {"mode": "standard", "total_max_attempts": _ATTEMPTS},
            },
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def _path(self, name: str) -> str:
        return f"{self.place.removeprefix(_S3)}/{name}"

    @contextmanager
    def _speaking(self, name: str) -> Iterator[None]:
        """Turn whatever goes wrong into one line that names the place, and no key."""
        if self.folder is not None:
            try:
                yield
            except FileNotFoundError as error:
                raise OutputError(f"{self.place}/{name}: is not there") from error
            except OSError as error:
                raise OutputError(f"{self.place}/{name}: {error.strerror or error}") from error
            return
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - comes with s3fs

        try:
            yield
        except (OSError, BotoCoreError, ClientError) as error:
            raise OutputError(f"{self.place}/{name}: {_words(error)}") from error


def _words(error: BaseException, environ: Mapping[str, str] = os.environ) -> str:
    """Return what an S3 client says, in a line without keys."""
    said = " ".join(str(error).split()) or type(error).__name__
    at = environ.get(ENDPOINT_VARIABLE)
    if isinstance(error, PermissionError):
        said = f"the keys do not open it ({said})"
    elif isinstance(error, FileNotFoundError):
        said = f"no such bucket or object ({said})"
    where = f", asked at {at}" if at and at not in said else ""
    return without_secrets(f"shared storage: {said}{where}", known_secrets(environ))
