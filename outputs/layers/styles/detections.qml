{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="CASE WHEN &quot;status&quot; IN ('confirmed', 'candidate') THEN &quot;event&quot; || '/' || &quot;status&quot; ELSE &quot;status&quot; END" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="fill" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {{ qml.casing("1.1") }}
        {{ qml.fill(category.rgb, category.fill_alpha, category.line, "0.55") }}
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  {{ qml.label("upper(left(\"event\", 1)) || replace(substr(\"event\", 2), '_', ' ') || ' (' || \"status\" || ')\\n' || coalesce(format_date(\"onset_after\", 'yyyy-MM-dd'), '?') || ' to ' || coalesce(format_date(\"onset_by\", 'yyyy-MM-dd'), '?') || '\\nconfidence ' || format_number(\"confidence\", 2)", 8, "placement=\"8\" polygonPlacementFlags=\"3\" dist=\"1.2\" distUnits=\"MM\"", 63) }}
  {{ qml.aliases_of(aliases) }}
</qgis>
