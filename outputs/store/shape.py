"""A geometry in a database: PostGIS' own type there, well-known binary in SQLite."""

from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy import ColumnElement, Dialect, LargeBinary, func
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from geo.crs import LON_LAT_EPSG


class _PostGis(UserDefinedType[bytes]):
    """A geometry column, filled and read as well-known binary."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:  # noqa: ANN401 - what SQLAlchemy passes is not used
        """Return the column's type in a statement."""
        return f"geometry(Geometry,{LON_LAT_EPSG})"

    def bind_expression(self, bindvalue: Any) -> ColumnElement[bytes]:  # noqa: ANN401 - as SQLAlchemy declares it
        """Let the database make a geometry of what is written."""
        return func.ST_GeomFromWKB(bindvalue, LON_LAT_EPSG, type_=self)

    def column_expression(self, column: Any) -> ColumnElement[bytes]:  # noqa: ANN401 - as SQLAlchemy declares it
        """Let the database give what is read as well-known binary."""
        return func.ST_AsBinary(column, type_=column.type)


class Shape(TypeDecorator[BaseGeometry]):
    """A shapely geometry in longitude and latitude (EPSG:4326)."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Say how this database keeps it."""
        return dialect.type_descriptor(_PostGis() if dialect.name == "postgresql" else LargeBinary())

    def process_bind_param(self, value: BaseGeometry | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return it as well-known binary."""
        return None if value is None else shapely.to_wkb(shapely.force_2d(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> BaseGeometry | None:  # noqa: ANN401, ARG002 - the signature is SQLAlchemy's
        """Return the geometry."""
        return None if value is None else shapely.from_wkb(bytes(value))
