{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields|Forms" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="CASE WHEN &quot;kind&quot; IN ({% for category in categories %}'{{ category.value }}'{{ ", " if not loop.last }}{% endfor %}) THEN &quot;kind&quot; ELSE 'other' END" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="marker" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {% call qml.generated("Fill", circle) %}
        <symbol type="fill" name="@{{ loop.index0 }}@0" alpha="0.7" clip_to_extent="1" force_rhr="0">
          {{ qml.fill(category.rgb, 16, "dot", "0.3") }}
        </symbol>
        {% endcall %}
        <layer class="SimpleMarker" enabled="1" locked="0" pass="0">
          <Option type="Map">
            {{ qml.option("name", category.marker) }}
            {{ qml.option("color", category.rgb ~ ",255") }}
            {{ qml.option("outline_color", "255,255,255,255") }}
            {{ qml.option("outline_style", "solid") }}
            {{ qml.option("outline_width", "0.4") }}
            {{ qml.option("outline_width_unit", "MM") }}
            {{ qml.option("size", "3.2") }}
            {{ qml.option("size_unit", "MM") }}
            {{ qml.option("angle", "0") }}
          </Option>
        </layer>
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  <labeling type="rule-based">
    <rules key="{00000000-0000-4000-8000-000000000010}">
      {% call qml.rule("00000000-0000-4000-8000-000000000011", "name", "", 1, 100000) %}
      {{ qml.text("coalesce(\"name\", \"id\")", 8, "placement=\"6\" dist=\"1.2\" distUnits=\"MM\"") }}
      {% endcall %}
    </rules>
  </labeling>
  {{ qml.aliases_of(aliases) }}
  {{ qml.form_of(tabs) }}
</qgis>
