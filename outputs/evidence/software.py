"""Which software made something: every part that can change a result."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pyogrio
import pyproj
import rasterio
import shapely

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-image",
    "numba",
    "xarray",
    "rasterio",
    "geopandas",
    "pandas",
    "pyogrio",
    "pyproj",
    "shapely",
    "sentinelhub",
    "matplotlib",
    "pillow",
    "cryptography",
    "rocrate",
)


def software() -> dict[str, Any]:
    """Return the versions of Python, the platform, the native libraries and the packages."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": {
            "GDAL": rasterio.__gdal_version__,
            "GDAL of pyogrio": pyogrio.__gdal_version_string__,
            "PROJ": pyproj.proj_version_str,
            "GEOS": ".".join(map(str, shapely.geos_version)),
        },
        "packages": {name: installed for name in PACKAGES if (installed := _installed(name)) is not None},
    }


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
