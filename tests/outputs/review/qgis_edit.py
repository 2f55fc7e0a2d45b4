"""Give verdicts in a headless QGIS as an analyst does, and print what the form offers as JSON.

Run by the system's interpreter, for which QGIS is installed: ``python3 qgis_edit.py SHEET.qgz FIRST_ID SECOND_ID``.
The first detection is confirmed with a note; the second is rejected, its event corrected and its outline moved.
"""

import json
import os
import sys
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (  # type: ignore[import-not-found]  # only the system's interpreter has QGIS
    QgsApplication,
    QgsFeature,
    QgsFeatureRequest,
    QgsProject,
    QgsVectorLayer,
)


def row_of(layer: QgsVectorLayer, detection_id: str) -> QgsFeature:
    """Return the row of a detection."""
    return next(layer.getFeatures(QgsFeatureRequest().setFilterExpression(f"\"detection_id\" = '{detection_id}'")))


def fill(layer: QgsVectorLayer, row: QgsFeature, **values: str) -> None:
    """Fill in fields of a row."""
    for name, value in values.items():
        assert layer.changeAttributeValue(row.id(), layer.fields().indexFromName(name), value), name


def main(project_file: str, first: str, second: str) -> None:
    """Edit one sheet."""
    app = QgsApplication([], GUIenabled=False)
    app.initQgis()
    messages: list[list[Any]] = []
    app.messageLog().messageReceived.connect(lambda text, tag, level: messages.append([tag, int(level), text]))
    project = QgsProject.instance()
    is_read = project.read(project_file)
    layer = next(one for one in project.mapLayers().values() if "|layername=verdicts" in one.source())
    is_editable = layer.startEditing()
    fill(layer, row_of(layer, first), verdict="confirmed", note="Rows of roofs")
    other = row_of(layer, second)
    fill(layer, other, verdict="rejected", event_corrected="demolition", reviewer="B. Reader")
    shape = other.geometry()
    shape.translate(0.001, 0.0)
    assert layer.changeGeometry(other.id(), shape)
    is_saved = layer.commitChanges()
    setup = layer.editorWidgetSetup(layer.fields().indexFromName("verdict"))
    form = layer.editFormConfig()
    report = {
        "read": is_read,
        "editable": is_editable,
        "saved": is_saved,
        "errors": layer.commitErrors(),
        "messages": messages,
        "offered": [next(iter(one.values())) for one in setup.config()["map"]],
        "fixed": [field.name() for index, field in enumerate(layer.fields()) if form.readOnly(index)],
        "others_editable": [
            one.name()
            for one in project.mapLayers().values()
            if isinstance(one, QgsVectorLayer) and one is not layer and not one.readOnly()
        ],
        "invalid": [one.name() for one in project.mapLayers().values() if not one.isValid()],
    }
    sys.stdout.write(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)  # an orderly end of QGIS without its window system now and then crashes


main(*sys.argv[1:])
