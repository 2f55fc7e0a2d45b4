"""The system of record: every run, detection, move and verdict, in SQLite or PostGIS under one schema.

What was recorded is never changed: detections have versions, moves and verdicts are only added. A run is recorded
in one transaction, so that a reader, or a process that is killed, sees all of it or nothing.
"""

from outputs.store.database import Store
from outputs.store.reviews import add_reviews, false_alarms, stored_reviews
from outputs.store.runs import Recorded, record_run

__all__ = ["Recorded", "Store", "add_reviews", "false_alarms", "record_run", "stored_reviews"]
