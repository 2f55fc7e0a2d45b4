{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields|Forms" labelsEnabled="0">
  <renderer-v2 type="categorizedSymbol" attr="CASE WHEN &quot;arc&quot; &gt; 0 THEN &quot;state&quot; ELSE 'whole' END" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="line" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {% for rgb, width, style in (("255,255,255", "1.5", "solid"), (category.rgb, "0.9", category.line)) if category.value != "whole" or loop.last %}
        <layer class="SimpleLine" enabled="1" locked="0" pass="0">
          <Option type="Map">
            {{ qml.option("line_color", rgb ~ ",255") }}
            {{ qml.option("line_style", style) }}
            {{ qml.option("line_width", width) }}
            {{ qml.option("line_width_unit", "MM") }}
            {{ qml.option("capstyle", "flat") }}
          </Option>
        </layer>
        {% endfor %}
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  {{ qml.aliases_of(aliases) }}
  {{ qml.form_of(tabs) }}
</qgis>
