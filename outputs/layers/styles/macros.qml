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

{% macro hatch(rgb, angle, distance_mm="2.4", width_mm="0.35") %}
<layer class="LinePatternFill" enabled="1" locked="0" pass="0">
  <Option type="Map">
    {{ option("angle", angle) }}
    {{ option("color", rgb ~ ",255") }}
    {{ option("distance", distance_mm) }}
    {{ option("distance_unit", "MM") }}
    {{ option("line_width", width_mm) }}
    {{ option("line_width_unit", "MM") }}
  </Option>
  <symbol type="line" name="@hatch@{{ angle }}" alpha="0.85" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleLine" enabled="1" locked="0" pass="0">
      <Option type="Map">
        {{ option("line_color", rgb ~ ",255") }}
        {{ option("line_style", "solid") }}
        {{ option("line_width", width_mm) }}
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

{% macro text(expression, size_pt, placement, weight=50, priority=6) %}
<settings calloutType="simple">
  <text-style fieldName="{{ expression }}" isExpression="1" fontSize="{{ size_pt }}" fontSizeUnit="Point" fontWeight="{{ weight }}" textColor="26,26,26,255" textOpacity="1" multilineHeight="1">
    <text-buffer bufferDraw="1" bufferSize="0.9" bufferSizeUnits="MM" bufferColor="255,255,255,255" bufferOpacity="0.85" bufferJoinStyle="128" bufferNoFill="1"/>
  </text-style>
  <text-format wrapChar="" multilineAlign="0" autoWrapLength="0"/>
  <placement {{ placement | safe }} priority="{{ priority }}"/>
  <rendering obstacle="1" displayAll="0" drawLabels="1" fontLimitPixelSize="0" upsidedownLabels="0" limitNumLabels="0"/>
</settings>
{% endmacro %}

{% macro label(expression, size_pt, placement, weight=50) %}
<labeling type="simple">
  {{ text(expression, size_pt, placement, weight) }}
</labeling>
{% endmacro %}

{% macro aliases_of(aliases) %}
<aliases>
  {% for field, name in aliases.items() %}
  <alias field="{{ field }}" index="-1" name="{{ name }}"/>
  {% endfor %}
</aliases>
{% endmacro %}

{% macro rule(key, name, filter, nearest, farthest) %}
<rule key="{{ '{' ~ key ~ '}' }}" description="{{ name }}" filter="{{ filter }}" scalemindenom="{{ nearest }}" scalemaxdenom="{{ farthest }}">
  {{ caller() }}
</rule>
{% endmacro %}

{% macro generated(kind, expression) %}
<layer class="GeometryGenerator" enabled="1" locked="0" pass="0">
  <Option type="Map">
    {{ option("SymbolType", kind) }}
    {{ option("geometryModifier", expression) }}
    {{ option("units", "MapUnit") }}
  </Option>
  {{ caller() }}
</layer>
{% endmacro %}

{% macro form_of(tabs) %}
<fieldConfiguration>
  {% for tab in tabs %}
  {% for entry in tab.entries %}
  <field name="{{ entry.field }}" configurationFlags="None">
    <editWidget type="{{ entry.widget }}">
      <config>
        <Option type="Map">
          {% if entry.widget == "ValueMap" %}
          <Option type="List" name="map">
            {% for value, words in entry["values"] %}
            <Option type="Map"><Option type="QString" name="{{ words }}" value="{{ value }}"/></Option>
            {% endfor %}
          </Option>
          {% elif entry.widget == "DateTime" %}
          <Option type="bool" name="allow_null" value="true"/>
          <Option type="bool" name="calendar_popup" value="true"/>
          <Option type="QString" name="display_format" value="yyyy-MM-dd"/>
          <Option type="QString" name="field_format" value="yyyy-MM-dd"/>
          <Option type="bool" name="field_iso_format" value="false"/>
          {% elif entry.widget == "TextEdit" %}
          <Option type="bool" name="IsMultiline" value="true"/>
          <Option type="bool" name="UseHtml" value="false"/>
          {% elif entry.widget == "ExternalResource" %}
          <Option type="int" name="DocumentViewer" value="1"/>
          <Option type="int" name="DocumentViewerHeight" value="0"/>
          <Option type="int" name="DocumentViewerWidth" value="0"/>
          <Option type="bool" name="FileWidget" value="false"/>
          <Option type="bool" name="FileWidgetButton" value="false"/>
          <Option type="int" name="RelativeStorage" value="1"/>
          <Option type="int" name="StorageMode" value="0"/>
          {% endif %}
        </Option>
      </config>
    </editWidget>
  </field>
  {% endfor %}
  {% endfor %}
</fieldConfiguration>
<defaults>
  {% for tab in tabs %}
  {% for entry in tab.entries if entry.default %}
  <default field="{{ entry.field }}" expression="{{ entry.default }}" applyOnUpdate="{{ entry.is_default_on_update | int }}"/>
  {% endfor %}
  {% endfor %}
</defaults>
<editable>
  {% for tab in tabs %}
  {% for entry in tab.entries %}
  <field name="{{ entry.field }}" editable="{{ entry.is_editable | int }}"/>
  {% endfor %}
  {% endfor %}
</editable>
<editorlayout>tablayout</editorlayout>
<attributeEditorForm>
  {% for tab in tabs %}
  <attributeEditorContainer name="{{ tab.name }}" showLabel="1" groupBox="0" columnCount="1" visibilityExpression="" visibilityExpressionEnabled="0">
    {% for entry in tab.entries if entry.widget != "Hidden" %}
    <attributeEditorField name="{{ entry.field }}" index="-1" showLabel="1"/>
    {% endfor %}
  </attributeEditorContainer>
  {% endfor %}
</attributeEditorForm>
{% endmacro %}

{% macro temporal(start, end) %}
<temporal enabled="1" mode="2" limitMode="1" startField="{{ start }}" endField="{{ end }}" startExpression="" endExpression="" durationField="" durationUnit="d" fixedDuration="0" accumulate="0">
  <fixedRange>
    <start></start>
    <end></end>
  </fixedRange>
</temporal>
{% endmacro %}
