{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields|Forms|Temporal|MapTips" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="CASE WHEN &quot;status&quot; IN ('confirmed', 'candidate') THEN &quot;event&quot; || '/' || &quot;status&quot; ELSE &quot;status&quot; END" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="fill" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {% call qml.generated("Fill", band) %}
        <symbol type="fill" name="@{{ loop.index0 }}@0" alpha="0.55" clip_to_extent="1" force_rhr="0">
          {{ qml.hatch(category.rgb, 45, "1.6", "0.15") }}
        </symbol>
        {% endcall %}
        {{ qml.casing("1.1") }}
        {{ qml.fill(category.rgb, category.fill_alpha, category.line, "0.55") }}
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  <labeling type="rule-based">
    <rules key="{00000000-0000-4000-8000-000000000000}">
      {% call qml.rule("00000000-0000-4000-8000-000000000001", "near: event, status, onset, confidence", "", 1, 30000) %}
      {{ qml.text("upper(left(\"event\", 1)) || replace(substr(\"event\", 2), '_', ' ') || ' (' || \"status\" || ')\\n' || coalesce(format_date(\"onset_after\", 'yyyy-MM-dd'), '?') || ' to ' || coalesce(format_date(\"onset_by\", 'yyyy-MM-dd'), '?') || '\\nconfidence ' || format_number(\"confidence\", 2)", 8, "placement=\"8\" polygonPlacementFlags=\"3\" dist=\"1.2\" distUnits=\"MM\"", 63, 7) }}
      {% endcall %}
      {% call qml.rule("00000000-0000-4000-8000-000000000002", "county: event and latest onset, of what is open", "\"status\" IN ('confirmed', 'candidate', 'not_observable')", 30000, 250000) %}
      {{ qml.text("upper(left(\"event\", 1)) || replace(substr(\"event\", 2), '_', ' ') || ' ' || coalesce(format_date(\"onset_by\", 'yyyy-MM'), '?')", 7, "placement=\"8\" polygonPlacementFlags=\"3\" dist=\"0.8\" distUnits=\"MM\"", 50, 5) }}
      {% endcall %}
    </rules>
  </labeling>
  {{ qml.temporal("onset_after", "onset_by") }}
  {{ qml.aliases_of(aliases) }}
  {{ qml.form_of(tabs) }}
  <previewExpression>"detection_id"</previewExpression>
  <mapTip>&lt;b>[% upper(left("event", 1)) || replace(substr("event", 2), '_', ' ') %]&lt;/b>, [% "status" %], confidence [% format_number("confidence", 2) %]&lt;br>began [% format_date("onset_after", 'yyyy-MM-dd') %] to [% format_date("onset_by", 'yyyy-MM-dd') %]&lt;br>[% "detection_id" %]</mapTip>
</qgis>
