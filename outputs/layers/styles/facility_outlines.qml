{% import "macros.qml" as qml %}
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology|Labeling|Fields|Forms" labelsEnabled="0">
  <renderer-v2 type="categorizedSymbol" attr="CASE WHEN &quot;kind&quot; IN ({% for category in categories %}'{{ category.value }}'{{ ", " if not loop.last }}{% endfor %}) THEN &quot;kind&quot; ELSE 'other' END" symbollevels="0" enableorderby="0" forceraster="0">
    {{ qml.categories_of(categories) }}
    <symbols>
      {% for category in categories %}
      <symbol type="fill" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        {{ qml.casing("0.8") }}
        {{ qml.fill(category.rgb, 0, "dot", "0.4") }}
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  {{ qml.aliases_of(aliases) }}
  {{ qml.form_of(tabs) }}
</qgis>
