"""A Sentinel Hub account as a source of imagery."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.errors import QuotaExceededError, SourceError
from geo.grid import Grid
from geo.masks import SCL
from geo.scene import Scene
from geo.sources.base import SceneRef
from geo.sources.clear import Seen, look_through, scene_of
from geo.sources.ledger import Ledger
from geo.sources.limits import RateLimiter
from geo.sources.sentinelhub.credentials import Credentials
from geo.sources.sentinelhub.memory import CatalogMemory, terms
from geo.sources.sentinelhub.merge import cover
from geo.sources.sentinelhub.options import SentinelHubOptions
from geo.sources.sentinelhub.parts import Parts, name_of
from geo.sources.sentinelhub.products import Item, looks_of, parse_item, ref_of, window_of
from geo.sources.sentinelhub.raster import Numbers, stitched
from geo.sources.sentinelhub.recipe import CLOUD_PERCENT, recipe_for, values_of
from geo.sources.sentinelhub.tiles import offset_px, split

if TYPE_CHECKING:
    from geo.sources.sentinelhub.client import Client, Wanted

FIRST_DAY = {"sentinel-2-l2a": date(2015, 6, 23), "sentinel-1-grd": date(2014, 4, 3)}
"""When the first satellite of each mission was launched: to ask for earlier days would only cost more."""


class SentinelHubSource:
    """Imagery of one collection from a Sentinel Hub service; `ImagerySource` says what its two questions mean.

    One scene is one pass of one satellite over the area, whatever number of products it was cut into, in its newest
    processing. Sentinel-2 comes as harmonised reflectance (`recipe`), Sentinel-1 as terrain-corrected gamma0 in linear
    power, never decibels. Everything that is asked is counted in `account_dir`, which all processes of an account
    share. Threads may share a source; processes make their own.
    """

    def __init__(self, options: SentinelHubOptions, credentials: Credentials, *, account_dir: Path) -> None:
        self._options = options
        self._credentials = credentials
        self._recipe = recipe_for(options)
        self._limiter = RateLimiter(account_dir, options.rates)
        self._ledger = Ledger(account_dir)
        catalogue = f"{options.provider.base_url} {options.collection}"
        self._parts = Parts(account_dir / "parts")
        self._memory = CatalogMemory(account_dir / "catalogue", catalogue, options.freshness)
        self._lock = Lock()
        self._client: Client | None = None
        self._found: dict[tuple[bytes, date, date], tuple[SceneRef, ...]] = {}
        self._used_up: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._options.provider.name}, {self._options.collection})"

    @property
    def credit(self) -> str:
        """The line that every product made from this imagery must carry."""
        return self._options.credit

    @property
    def offered(self) -> tuple[str, ...]:
        """The bands that may be asked for."""
        return (*self._recipe.bands, *(name for name in self._recipe.always if name not in CLOUD_PERCENT))

    def check(self) -> None:
        """Find out whether the service takes the credentials; costs nothing.

        Raises:
            ConfigError: It refuses them.
            SourceUnavailableError: It does not answer.

        """
        self._asked().authenticate()

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return the scenes of [first, last] that touch `shape_4326`, ascending; what the catalogue said is remembered.

        A search nowhere, with an empty shape, only tries the credentials.

        Raises:
            ConfigError: The service refuses the credentials.
            QuotaExceededError: The account is used up, now or at an earlier question.
            SourceUnavailableError, SourceError: There was no proper answer.

        """
        if shape_4326.is_empty:
            self.check()
            return ()
        first, last = max(first, FIRST_DAY[self._recipe.collection]), min(last, datetime.now(UTC).date())
        if first > last:
            return ()
        key = (shape_4326.wkb, first, last)
        if key not in self._found:
            self._found[key] = tuple(self._search(shape_4326, first, last))
        return self._found[key]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Return `ref` on `grid`, for whose own bounds and pixels the service is asked; large grids in several parts.

        Raises:
            SourceError: A band is not offered, or the service refuses the request.
            SourceUnavailableError, QuotaExceededError: There was no proper answer.

        """
        wanted = self._wanted(ref, bands)
        return self._scene(ref, grid, bands, numbers=self._pixels(wanted, ref, grid))

    def read_together(self, ref: SceneRef, grids: Sequence[Grid], *, bands: Sequence[str]) -> list[Scene]:
        """Return `ref` on each of `grids`, asking once for the ground that covers all of them (`merge_requests`).

        Raises:
            SourceError: As for `read`; or the grids do not lie on the same pixels.

        """
        whole = grids[0]
        for grid in grids[1:]:
            whole = cover(whole, grid)
        places = [offset_px(grid, whole) for grid in grids]
        if None in places:
            raise SourceError(f"{ref.scene_id}: grids that are read together must lie on the same pixels")
        numbers = self._pixels(self._wanted(ref, bands), ref, whole)
        return [
            self._scene(
                ref, grid, bands, numbers=numbers[:, row : row + grid.height_px, column : column + grid.width_px]
            )
            for grid, (row, column) in zip(grids, (place for place in places if place), strict=True)
        ]

    def clear_share(self, ref: SceneRef, grid: Grid) -> float | None:
        """Return the share (0-1) of `grid` that was clearly seen, asking for the classification alone; None for radar.

        Raises:
            SourceError, SourceUnavailableError, QuotaExceededError: As for `read`.

        """
        if SCL not in self._recipe.always:
            return None
        scene = self.read(ref, grid, bands=(SCL,))
        return float(scene.is_clear.mean())

    def parts_to_ask(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> list[Grid]:
        """Return for which parts of `grid` `read` would ask now: all of it, but what a read that broke off has left."""
        parts = split(grid, max_side_px=self._options.max_side_px)
        if len(parts) == 1:
            return parts
        name = self._name_of_parts(ref, self._recipe.layers(bands))
        return [part for part in parts if not self._parts.has(name, part)]

    def _search(self, shape_4326: BaseGeometry, first: date, last: date) -> list[SceneRef]:
        client, now = self._asked(), datetime.now(UTC)
        items: dict[str, Item] = {}
        for term in terms(first, last, now.date()):
            ask = partial(client.products, shape_4326.bounds, term.start, term.end)
            with self._watching_quota():
                features = self._memory.recall(shape_4326.bounds, term, ask, now=now)
            items |= {item.product_id: item for item in map(parse_item, features)}
        wanted = (
            item
            for item in items.values()
            if first <= item.observed_at.date() <= last and item.footprint_4326.intersects(shape_4326)
        )
        return [ref_of(look, self._recipe, bands=self.offered) for look in looks_of(wanted)]

    def _wanted(self, ref: SceneRef, bands: Sequence[str]) -> "Wanted":
        from geo.sources.sentinelhub.client import Wanted  # noqa: PLC0415  # a heavy package stands behind it

        missing = [band for band in bands if band not in self.offered]
        if missing or ref.quantity is not self._recipe.quantity:
            raise SourceError(
                f"{ref.scene_id}: expected bands of {', '.join(self.offered)} ({self._recipe.quantity}); "
                f"got {', '.join(missing or bands)} ({ref.quantity})"
            )
        layers = self._recipe.layers(bands)
        return Wanted(product=ref.scene_id, recipe=self._recipe, layers=layers, window=window_of(ref))

    def _pixels(self, wanted: "Wanted", ref: SceneRef, grid: Grid) -> Numbers:
        """Return what is `wanted` on `grid`; the parts of a large one are kept until all of them have come."""
        client, parts = self._asked(), split(grid, max_side_px=self._options.max_side_px)
        with self._watching_quota():
            if len(parts) == 1:
                return client.pixels(wanted, grid)
            name = self._name_of_parts(ref, wanted.layers)
            come = [(part, self._parts.get(name, part, partial(client.pixels, wanted, part))) for part in parts]
        whole = stitched(come, grid)
        self._parts.forget(name, parts)
        return whole

    def _name_of_parts(self, ref: SceneRef, layers: Sequence[str]) -> str:
        return name_of(
            self._options.provider.base_url, self._recipe.version, ref.scene_id, ref.fingerprint, tuple(layers)
        )

    def _scene(self, ref: SceneRef, grid: Grid, bands: Sequence[str], *, numbers: Numbers) -> Scene:
        values = values_of(self._recipe, self._recipe.layers(bands), numbers)
        seen = self._seen(ref, values, grid) if SCL in values else None
        return scene_of(ref, grid, values, seen, bands=bands)

    def _seen(self, ref: SceneRef, values: Mapping[str, NDArray[np.float32]], grid: Grid) -> Seen:
        """Return what the classes say, and the cloud probability where it was asked for.

        Raises:
            SourceError: A cloud probability lies outside 0 to 100 per cent.

        """
        rim = self._options.mask.buffer_px  # beyond the edge nothing was asked for, which hides nothing within

        def around(name: str, _: Grid) -> NDArray[np.float32]:
            return np.pad(values[name], rim, constant_values=np.nan)

        clouds = [partial(around, name) for name in values if name in CLOUD_PERCENT]
        return look_through(grid, self._options.mask, partial(around, SCL), *clouds, what=ref.scene_id)

    def _asked(self) -> "Client":
        """Return what speaks to the service, made when it is first needed."""
        from geo.sources.sentinelhub.client import Client  # noqa: PLC0415  # a heavy package stands behind it

        with self._lock:
            if self._client is None:
                self._client = Client(self._options, self._credentials, limiter=self._limiter, ledger=self._ledger)
            return self._client

    @contextmanager
    def _watching_quota(self) -> Iterator[None]:
        """Ask nothing more once the account is used up: every further question would get the same answer."""
        if self._used_up:
            raise QuotaExceededError(self._used_up)
        try:
            yield
        except QuotaExceededError as error:
            self._used_up = str(error)
            raise
