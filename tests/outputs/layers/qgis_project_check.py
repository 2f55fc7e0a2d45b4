"""Open a QGIS project in a headless QGIS, draw it, and print what QGIS makes of it as JSON.

Run by the system's interpreter, for which QGIS is installed: ``python3 qgis_project_check.py FILE.qgz FOLDER``.
Pictures of every theme and layout are put into FOLDER.
"""

import json
import os
import sys
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (  # type: ignore[import-not-found]  # only the system's interpreter has QGIS
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsDateTimeRange,
    QgsFeatureRequest,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutItemPicture,
    QgsLayoutItemScaleBar,
    QgsMapLayer,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsVectorLayer,
    QgsVectorLayerTemporalContext,
)
from qgis.PyQt.QtCore import QDate, QDateTime, QSize, Qt  # type: ignore[import-not-found]

ITEMS = {
    "map": QgsLayoutItemMap,
    "legend": QgsLayoutItemLegend,
    "scale bar": QgsLayoutItemScaleBar,
    "picture": QgsLayoutItemPicture,
    "label": QgsLayoutItemLabel,
}


def vector_facts(layer: QgsVectorLayer) -> dict[str, Any]:
    """Return what QGIS knows of a layer of a table."""
    renderer = layer.renderer()
    form = layer.editFormConfig()
    setups = {field.name(): layer.editorWidgetSetup(index) for index, field in enumerate(layer.fields())}
    temporal = layer.temporalProperties()
    return {
        "features": layer.featureCount(),
        "read_only": layer.readOnly(),
        "categories": [c.value() for c in renderer.categories()]
        if isinstance(renderer, QgsCategorizedSymbolRenderer)
        else [],
        "labels": type(layer.labeling()).__name__ if layer.labelsEnabled() else "",
        "tabs": [tab.name() for tab in form.tabs()],
        "values": {
            name: [next(iter(entry.values())) for entry in setup.config()["map"]]
            for name, setup in setups.items()
            if setup.type() == "ValueMap"
        },
        "fixed": [field.name() for index, field in enumerate(layer.fields()) if form.readOnly(index)],
        "aliases": {field.name(): field.alias() for field in layer.fields()},
        "temporal": [temporal.startField(), temporal.endField()] if temporal.isActive() else [],
    }


def layer_facts(layer: QgsMapLayer) -> dict[str, Any]:
    """Return what QGIS knows of a layer."""
    common = {"name": layer.name(), "valid": layer.isValid(), "crs": layer.crs().authid(), "source": layer.source()}
    if isinstance(layer, QgsVectorLayer):
        return {**common, **vector_facts(layer)}
    return {**common, "renderer": layer.renderer().type() if layer.renderer() else None}


def settings_of(project: QgsProject, layers: list[QgsMapLayer]) -> QgsMapSettings:
    """Return how to draw `layers` where the project opens."""
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setOutputSize(QSize(1200, 900))
    settings.setDestinationCrs(project.crs())
    settings.setTransformContext(project.transformContext())
    settings.setExtent(project.viewSettings().defaultViewExtent())
    return settings


def drawn(settings: QgsMapSettings, path: str) -> list[str]:
    """Draw and return the errors."""
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)
    return [f"{error.layerID}: {error.message}" for error in job.errors()]


def seen_until(layer: QgsVectorLayer, first: QDateTime, last: str) -> int:
    """Count the features that the time slider shows from `first` to the day `last`."""
    span = QgsDateTimeRange(first, QDateTime(QDate.fromString(last, Qt.ISODate)))
    temporal = QgsVectorLayerTemporalContext()
    temporal.setLayer(layer)
    words = layer.temporalProperties().createFilterString(temporal, span)
    return sum(1 for _ in layer.getFeatures(QgsFeatureRequest().setFilterExpression(words)))


def main(file: str, folder: str, *days: str) -> None:
    """Check one project."""
    app = QgsApplication([], GUIenabled=False)
    app.initQgis()
    messages: list[list[Any]] = []
    app.messageLog().messageReceived.connect(lambda text, tag, level: messages.append([tag, int(level), text]))
    project = QgsProject.instance()
    is_read = project.read(file)
    order = project.layerTreeRoot().layerOrder()
    themes = project.mapThemeCollection()
    report: dict[str, Any] = {
        "read": is_read,
        "error": project.error(),
        "title": project.title(),
        "crs": project.crs().authid(),
        "layers": {layer.id(): layer_facts(layer) for layer in order},
        "groups": [group.name() for group in project.layerTreeRoot().findGroups(recursive=True)],
        "themes": {name: [one.id() for one in themes.mapThemeVisibleLayers(name)] for name in themes.mapThemes()},
        "period": [
            project.timeSettings().temporalRange().begin().date().toString(Qt.ISODate),
            project.timeSettings().temporalRange().end().date().toString(Qt.ISODate),
        ],
        "errors": {},
        "layouts": {},
        "seen_until": {},
    }
    for number, name in enumerate(themes.mapThemes()):
        settings = settings_of(project, themes.mapThemeVisibleLayers(name))
        report["errors"][name] = drawn(settings, f"{folder}/theme-{number}-{name.replace(' ', '_')}.png")
    for layout in project.layoutManager().printLayouts():
        items = {word: sum(isinstance(one, kind) for one in layout.items()) for word, kind in ITEMS.items()}
        if layout.atlas().enabled():
            layout.atlas().beginRender()
            layout.atlas().first()
        exported = QgsLayoutExporter(layout).exportToImage(
            f"{folder}/layout-{layout.name().split(' ')[0]}.png", QgsLayoutExporter.ImageExportSettings()
        )
        texts = [one.currentText() for one in layout.items() if isinstance(one, QgsLayoutItemLabel)]
        report["layouts"][layout.name()] = {"items": items, "exported": int(exported), "texts": texts}
    everything = project.mapLayer("sitewatch_detections_all")
    begin = project.timeSettings().temporalRange().begin()
    report["seen_until"] = {day: seen_until(everything, begin, day) for day in days}
    report["messages"] = messages
    sys.stdout.write(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)  # an orderly end of QGIS without its window system now and then crashes


main(*sys.argv[1:])
