"""Open a GeoPackage in a headless QGIS, draw it, and print what QGIS makes of it as JSON.

Run by the system's interpreter, for which QGIS is installed:
``python3 qgis_check.py FILE.gpkg MAP.png [BACKGROUND.tif]``.
"""

import json
import os
import sys
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (  # type: ignore[import-not-found]  # only the system's interpreter has QGIS
    QgsApplication,
    QgsDistanceArea,
    QgsExpression,
    QgsGeometry,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsRenderContext,
    QgsRuleBasedLabeling,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize  # type: ignore[import-not-found]
from qgis.PyQt.QtGui import QColor  # type: ignore[import-not-found]

LAYERS = ("facilities", "facility_outlines", "perimeters", "detections", "areas", "coverage")


def describe(layer: QgsVectorLayer) -> dict[str, Any]:
    """Return what QGIS knows of a layer and which label its first feature gets."""
    renderer = layer.renderer()
    kind = renderer.type()
    return {
        "valid": layer.isValid(),
        "features": layer.featureCount(),
        "crs": layer.crs().authid(),
        "fields": {field.name(): field.typeName() for field in layer.fields()},
        "aliases": {field.name(): field.alias() for field in layer.fields()},
        "renderer": kind,
        "categories": {c.value(): c.label() for c in renderer.categories()} if kind == "categorizedSymbol" else {},
        "undrawn": undrawn(layer),
        "label": first_label(layer),
        "bands_m2": bands_m2(layer) if layer.name() == "detections" else [],
    }


def bands_m2(layer: QgsVectorLayer) -> list[list[float]]:
    """Return how large the band that the style draws is on the ground, and the least and greatest area of each row."""
    categories = layer.renderer().categories()  # each symbol lives as long as its category
    expression = QgsExpression(categories[0].symbol().symbolLayer(0).geometryExpression())
    context = layer.createExpressionContext()
    measure = QgsDistanceArea()
    measure.setSourceCrs(layer.crs(), QgsProject.instance().transformContext())
    measure.setEllipsoid("EPSG:7030")
    found = []
    for feature in layer.getFeatures():
        context.setFeature(feature)
        band = expression.evaluate(context)
        if isinstance(band, QgsGeometry):
            found.append([measure.measureArea(band), feature["area_low_m2"], feature["area_high_m2"]])
    return found


def undrawn(layer: QgsVectorLayer) -> int:
    """Count the features for which the style has no symbol."""
    context = QgsRenderContext()
    context.setExpressionContext(layer.createExpressionContext())
    renderer = layer.renderer()
    renderer.startRender(context, layer.fields())
    count = 0
    for feature in layer.getFeatures():
        context.expressionContext().setFeature(feature)
        count += renderer.symbolForFeature(feature, context) is None
    renderer.stopRender(context)
    return count


def first_label(layer: QgsVectorLayer) -> str | None:
    """Return the text that the first feature is labelled with, or None."""
    feature = next(layer.getFeatures(), None)
    if feature is None or layer.labeling() is None:
        return None
    labeling = layer.labeling()
    has_rules = isinstance(labeling, QgsRuleBasedLabeling)
    settings = labeling.rootRule().children()[0].settings() if has_rules else labeling.settings()
    expression = QgsExpression(settings.fieldName)  # the settings' own one dies with them
    context = layer.createExpressionContext()
    context.setFeature(feature)
    value = expression.evaluate(context)
    return expression.evalErrorString() or (str(value) if value else None)


def draw(layers: list[QgsVectorLayer], path: str, raster: QgsRasterLayer | None) -> list[str]:
    """Draw all layers over each other and return the errors."""
    settings = QgsMapSettings()
    settings.setLayers([*layers, raster] if raster else layers)
    settings.setBackgroundColor(QColor(255, 255, 255))
    settings.setOutputSize(QSize(1400, 900))
    settings.setDestinationCrs(layers[0].crs())
    extent = QgsRectangle(next(layer.extent() for layer in layers if layer.name() == "areas"))
    extent.scale(1.15)
    settings.setExtent(extent)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)
    return [f"{error.layerID}: {error.message}" for error in job.errors()]


def main(file: str, picture: str, background: str | None = None) -> None:
    """Check one file."""
    app = QgsApplication([], GUIenabled=False)
    app.initQgis()
    messages: list[list[Any]] = []
    app.messageLog().messageReceived.connect(lambda text, tag, level: messages.append([tag, int(level), text]))
    layers = [QgsVectorLayer(f"{file}|layername={name}", name, "ogr") for name in LAYERS]
    raster = QgsRasterLayer(background, "background") if background else None
    report = {
        "layers": {layer.name(): describe(layer) for layer in layers if layer.isValid()},
        "errors": draw(layers, picture, raster),
        "messages": messages,
    }
    sys.stdout.write(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)  # an orderly end of QGIS without its window system now and then crashes


main(*sys.argv[1:])
