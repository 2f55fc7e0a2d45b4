{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="level" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="fill" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {% for angle in category.hatch_angles %}
        {{ qml.hatch(category.rgb, angle) }}
        {% endfor %}
        {{ qml.casing("0.9") }}
        {{ qml.fill(category.rgb, category.fill_alpha, category.line, "0.4") }}
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  {{ qml.label("\"name\"", 8, "placement=\"1\" centroidInside=\"1\" centroidWhole=\"1\"") }}
  {{ qml.aliases_of(aliases) }}
</qgis>
