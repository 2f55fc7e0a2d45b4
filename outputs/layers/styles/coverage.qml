{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields|Forms" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="outcome" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="fill" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {% for angle in category.hatch_angles %}
        {{ qml.hatch(category.rgb, angle) }}
        {% endfor %}
        {{ qml.fill(category.rgb, category.fill_alpha, "solid" if category.hatch_angles else "no", "0.5") }}
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  {{ qml.label("CASE WHEN \"outcome\" = 'not_observed' THEN 'NOT OBSERVED' WHEN \"outcome\" = 'no_imagery' THEN 'NO IMAGERY' END", 8, "placement=\"1\" centroidInside=\"1\" centroidWhole=\"1\"", 75) }}
  {{ qml.aliases_of(aliases) }}
  {{ qml.form_of(tabs) }}
</qgis>
