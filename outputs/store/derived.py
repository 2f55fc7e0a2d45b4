"""What the store derives from its rows to answer fast: boxes of places, the worth of looking, what verdicts come to."""

from sqlalchemy import Connection, select, update

from outputs.review.worth import worth_of
from outputs.store.boxes import set_boxes
from outputs.store.reviews import refresh_standings
from outputs.store.tables import BOXED, detections, reviews

_AT_ONCE = 1000


def fill_derived(connection: Connection) -> None:
    """Compute all of it anew: after an upgrade, rows written by an earlier version have none of it."""
    for table in BOXED:
        (key,) = table.primary_key.columns
        for rows in connection.execute(select(key, table.c.geometry)).mappings().partitions(_AT_ONCE):
            set_boxes(connection, table, [dict(row) for row in rows])
    for rows in connection.execute(select(detections)).mappings().partitions(_AT_ONCE):
        for row in rows:
            of_row = detections.c.detection_id == row["detection_id"]
            connection.execute(update(detections).where(of_row).values(worth=worth_of(dict(row)).points))
    refresh_standings(connection, connection.execute(select(reviews.c.detection_id).distinct()).scalars().all())
