{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields|Forms" labelsEnabled="1">
  <renderer-v2 type="singleSymbol" symbollevels="0" enableorderby="0" forceraster="0">
    <symbols>
      <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
        {{ qml.casing("0.8") }}
        {{ qml.fill("26,26,26", 0, "solid", "0.3") }}
      </symbol>
    </symbols>
  </renderer-v2>
  {{ qml.label("coalesce(\"name\", \"id\")", 9, "placement=\"8\" polygonPlacementFlags=\"3\" dist=\"1\" distUnits=\"MM\"") }}
  {{ qml.aliases_of(aliases) }}
  {{ qml.form_of(tabs) }}
</qgis>
