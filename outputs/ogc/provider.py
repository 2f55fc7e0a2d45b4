"""The plugin through which pygeoapi reads the features of the newest run. It cannot write."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pygeoapi.provider.base import (
    BaseProvider,
    ProviderConnectionError,
    ProviderInvalidQueryError,
    ProviderItemNotFoundError,
)
from pygeoapi.util import crs_transform

from geo.errors import StateError
from outputs.ogc.features import FeatureLayer, Wanted

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_BOUNDS = 4


class GeoPackageProvider(BaseProvider):  # type: ignore[misc]  # pygeoapi has no types
    """A layer of a GeoPackage. `data` is the file; ``options`` name the ``layer`` and its ``time_columns``."""

    def __init__(self, provider_def: Mapping[str, Any]) -> None:
        super().__init__(provider_def)
        times = self.options.get("time_columns")
        self._layer = FeatureLayer(
            path=Path(self.data),
            layer=self.options["layer"],
            id_column=self.id_field,
            time_columns=None if times is None else (times[0], times[1]),
        )
        self.get_fields()

    def get_fields(self) -> dict[str, dict[str, str]]:
        """Return the columns.

        Raises:
            ProviderConnectionError: There is no finished run, or its file cannot be read.

        """
        try:
            self._fields: dict[str, dict[str, str]] = self._layer.columns()
        except StateError as error:
            raise ProviderConnectionError(str(error)) from error
        return self._fields

    @crs_transform  # type: ignore[untyped-decorator]  # pygeoapi has no types
    def query(  # noqa: PLR0913, PLR0917  # as pygeoapi calls it
        self,
        offset: int = 0,
        limit: int = 10,
        resulttype: str = "results",
        bbox: Sequence[float] = (),
        datetime_: str | None = None,
        properties: Sequence[tuple[str, str]] = (),
        sortby: Sequence[Mapping[str, str]] = (),
        select_properties: Sequence[str] = (),
        skip_geometry: bool = False,  # noqa: FBT001, FBT002  # as pygeoapi calls it
        **others: Any,  # noqa: ANN401  # q and filterq, which are refused, and what concerns other providers
    ) -> dict[str, Any]:
        """Return one page of the features that are asked for, and how many there are in all.

        Raises:
            ProviderInvalidQueryError: A search for words or a CQL filter, which are not offered, or a wrong date.

        """
        if others.get("q") or others.get("filterq") is not None:
            raise ProviderInvalidQueryError(user_msg="q and filter are not offered; bbox, datetime and columns are")
        wanted = Wanted(
            bounds=_bounds(bbox),
            period=None if datetime_ is None else period_of(datetime_),
            equals=tuple(properties),
            order=tuple((one["property"], one["order"] != "-") for one in sortby),
        )
        numbers = self._layer.numbers(wanted)
        page = [] if resulttype == "hits" else numbers[offset : offset + limit]
        found = self._layer.features(page, columns=select_properties, has_geometry=not skip_geometry)
        return {
            "type": "FeatureCollection",
            "features": found,
            "numberMatched": len(numbers),
            "numberReturned": len(found),
        }

    @crs_transform  # type: ignore[untyped-decorator]  # pygeoapi has no types
    def get(self, identifier: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401  # as pygeoapi calls it
        """Return one feature.

        Raises:
            ProviderItemNotFoundError: There is none of this id.

        """
        number = self._layer.number_of(identifier)
        if number is None:
            raise ProviderItemNotFoundError(user_msg=f"nothing is called {identifier}")
        return self._layer.features([number])[0]


def period_of(text: str) -> tuple[str, str]:
    """Return first and last day of an OGC ``datetime``: an instant, or two with a slash between; ``..`` is open.

    Raises:
        ProviderInvalidQueryError: It is none.

    """
    first, slash, last = text.partition("/")
    days = [("" if part in {"", ".."} else part[:10]) for part in (first, last if slash else first)]
    if any(day and not _DAY.fullmatch(day) for day in days) or (all(days) and days[0] > days[1]):
        raise ProviderInvalidQueryError(
            user_msg=f"datetime: expected a day or FIRST/LAST, such as 2020-01-31/..; got {text}"
        )
    return days[0], days[1]


def _bounds(bbox: Sequence[float]) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north; heights, where they are given, say nothing here."""
    if not bbox:
        return None
    if len(bbox) == _BOUNDS:
        return (bbox[0], bbox[1], bbox[2], bbox[3])
    return (bbox[0], bbox[1], bbox[3], bbox[4])
