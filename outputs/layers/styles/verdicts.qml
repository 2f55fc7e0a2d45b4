{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields|Forms" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="coalesce(&quot;verdict&quot;, 'open')" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="fill" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {{ qml.casing("1.3") }}
        {{ qml.fill(category.rgb, category.fill_alpha, category.line, "0.8") }}
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  <labeling type="rule-based">
    <rules key="{00000000-0000-4000-8000-000000000020}">
      {% call qml.rule("00000000-0000-4000-8000-000000000021", "event and verdict", "", 1, 250000) %}
      {{ qml.text("upper(left(\"event\", 1)) || replace(substr(\"event\", 2), '_', ' ') || coalesce(': ' || \"verdict\", '?')", 8, "placement=\"8\" polygonPlacementFlags=\"3\" dist=\"1.2\" distUnits=\"MM\"", 63) }}
      {% endcall %}
    </rules>
  </labeling>
  {{ qml.aliases_of(aliases) }}
  {{ qml.form_of(tabs) }}
  <previewExpression>"event" || ', confidence ' || format_number("confidence", 2) || coalesce(': ' || "verdict", '')</previewExpression>
</qgis>
