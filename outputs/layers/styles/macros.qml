{% macro option(name, value) %}
<Option type="QString" name="{{ name }}" value="{{ value }}"/>
{% endmacro %}

{% macro fill(rgb, fill_alpha, line, width_mm, line_alpha=255) %}
<layer class="SimpleFill" enabled="1" locked="0" pass="0">
  <Option type="Map">
    {{ option("color", rgb ~ "," ~ fill_alpha) }}
    {{ option("style", "solid" if fill_alpha else "no") }}
    {{ option("outline_color", rgb ~ "," ~ line_alpha) }}
    {{ option("outline_style", line) }}
    {{ option("outline_width", width_mm) }}
    {{ option("outline_width_unit", "MM") }}
    {{ option("joinstyle", "miter") }}
  </Option>
</layer>
{% endmacro %}

{% macro casing(width_mm) %}
{{ fill("255,255,255", 0, "solid", width_mm, 215) }}
{% endmacro %}

{% macro hatch(rgb, angle) %}
<layer class="LinePatternFill" enabled="1" locked="0" pass="0">
  <Option type="Map">
    {{ option("angle", angle) }}
    {{ option("color", rgb ~ ",255") }}
    {{ option("distance", "2.4") }}
    {{ option("distance_unit", "MM") }}
    {{ option("line_width", "0.35") }}
    {{ option("line_width_unit", "MM") }}
  </Option>
  <symbol type="line" name="@hatch@{{ angle }}" alpha="0.85" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
      <Option type="Map">
        {{ option("line_color", rgb ~ ",255") }}
        {{ option("line_style", "solid") }}
        {{ option("line_width", "0.35") }}
        {{ option("line_width_unit", "MM") }}
      </Option>
    </layer>
  </symbol>
</layer>
{% endmacro %}

{% macro categories_of(categories) %}
<categories>
  {% for category in categories %}
  <category value="{{ category.value }}" symbol="{{ loop.index0 }}" label="{{ category.label }}" render="true"/>
  {% endfor %}
</categories>
{% endmacro %}

{% macro label(expression, size_pt, placement, weight=50) %}
<labeling type="simple">
  <settings calloutType="simple">
    <text-style fieldName="{{ expression }}" isExpression="1" fontSize="{{ size_pt }}" fontSizeUnit="Point" fontWeight="{{ weight }}" textColor="26,26,26,255" textOpacity="1" multilineHeight="1">
      <text-buffer bufferDraw="1" bufferSize="0.9" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="0.85" bufferJoinStyle="128" bufferNoFill="1"/>
    </text-style>
    <text-format wrapChar="" multilineAlign="0" autoWrapLength="0"/>
    <placement {{ placement | safe }} priority="6"/>
    <rendering obstacle="1" displayAll="0" drawLabels="1" fontLimitPixelSize="0" upsidedownLabels="0" limitNumLabels="0"/>
  </settings>
</labeling>
{% endmacro %}

{% macro aliases_of(aliases) %}
<aliases>
  {% for field, name in aliases.items() %}
  <alias field="{{ field }}" index="-1" name="{{ name }}"/>
  {% endfor %}
</aliases>
{% endmacro %}
