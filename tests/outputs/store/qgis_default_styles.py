"""Add the layers of a PostGIS store to a headless QGIS as a person does, and print how they come out as JSON.

Run by the system's interpreter, for which QGIS is installed: ``python3 qgis_default_styles.py CONNECTION LAYER…``.
"""

import json
import os
import sys
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import QgsApplication, QgsVectorLayer  # type: ignore[import-not-found]  # only the system's has QGIS

KEYS = {"detections": "detection_id", "coverage": "area_id", "perimeters": "row_key"}
KINDS = {"perimeters": "MultiLineString", "facilities": "Point"}


def main(where: str, *names: str) -> None:
    """Add each layer."""
    app = QgsApplication([], GUIenabled=False)
    app.initQgis()
    messages: list[list[Any]] = []
    app.messageLog().messageReceived.connect(lambda text, tag, level: messages.append([tag, int(level), text]))
    report: dict[str, Any] = {}
    for name in names:
        key, kind = KEYS.get(name, "id"), KINDS.get(name, "MultiPolygon")
        layer = QgsVectorLayer(
            f"{where} key='{key}' srid=4326 type={kind} checkPrimaryKeyUnicity='0'"
            f' table="public"."sitewatch_{name}" (geometry)',
            name,
            "postgres",
        )
        _, is_loaded = layer.loadDefaultStyle()
        renderer = layer.renderer()
        index = layer.fields().indexFromName("verdict")
        report[name] = {
            "loaded": is_loaded,
            "categories": [c.value() for c in renderer.categories()] if renderer.type() == "categorizedSymbol" else [],
            "verdict": layer.editorWidgetSetup(index).type() if index >= 0 else "",
        }
    sys.stdout.write(json.dumps({"layers": report, "messages": messages}))
    sys.stdout.flush()
    os._exit(0)  # an orderly end of QGIS without its window system now and then crashes


main(*sys.argv[1:])
