// The map: countries, meridians and parallels, outlines (from tiles where the server can serve them) and dots.
(() => {
  "use strict";
  const site = window.SITEWATCH;
  const CLOSE_ZOOM = 13;
  const UNSURE = ["candidate", "not_observable"];

  const collection = (features) => ({ type: "FeatureCollection", features });
  const point = (record) => ({
    type: "Feature",
    geometry: { type: "Point", coordinates: record.at },
    properties: { detection_id: record.id, event: record.event, close: record.outlined ? 0 : 1 },
  });
  const colour = () => ["match", ["get", "event"], ...Object.entries(site.data.colours).flat(), "#1a1d21"];
  const among = (records) => ["in", ["get", "detection_id"], ["literal", records.map((record) => record.id)]];

  const script = (url) =>
    new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = url;
      element.onload = resolve;
      element.onerror = () => reject(new Error(url));
      document.head.append(element);
    });

  /** Return the source of the outlines: tiles where the server answers range requests, else the embedded features. */
  const outlineSource = async (root) => {
    if (site.data.tiles && location.protocol !== "file:") {
      try {
        const url = new URL(root + site.data.tiles, location.href).href;
        const archive = new pmtiles.PMTiles(url);
        const header = await archive.getHeader();
        const protocol = new pmtiles.Protocol();
        protocol.add(archive);
        maplibregl.addProtocol("pmtiles", protocol.tile);
        return {
          kind: "tiles",
          source: {
            type: "vector",
            tiles: [`pmtiles://${url}/{z}/{x}/{y}`],
            minzoom: header.minZoom,
            maxzoom: header.maxZoom,
          },
          layer: { "source-layer": "detections" },
        };
      } catch {
        // a server without range requests: what is embedded says the same
      }
    }
    await script(`${root}assets/outlines.js`);
    return { kind: "embedded", source: { type: "geojson", data: site.outlines }, layer: {} };
  };

  const style = (outlines) => {
    const of = { source: "outlines", ...outlines.layer };
    const nothing = ["==", ["literal", 0], 1];
    return {
      version: 8,
      sources: {
        countries: { type: "geojson", data: site.ground.countries },
        circles: { type: "geojson", data: site.data.circles },
        outlines: outlines.source,
        dots: { type: "geojson", data: collection([]) },
      },
      layers: [
        { id: "sea", type: "background", paint: { "background-color": "#dfe8ec" } },
        { id: "land", type: "fill", source: "countries", paint: { "fill-color": "#faf8f2" } },
        { id: "border", type: "line", source: "countries", paint: { "line-color": "#9a917f", "line-width": 1.1 } },
        { id: "circle-fill", type: "fill", source: "circles", filter: nothing,
          paint: { "fill-color": colour(), "fill-opacity": 0.1 } },
        { id: "circle-line", type: "line", source: "circles", filter: nothing,
          paint: { "line-color": colour(), "line-width": 1.6, "line-dasharray": [2, 2] } },
        { id: "fill", type: "fill", ...of, filter: nothing, paint: { "fill-color": colour(), "fill-opacity": 0.22 } },
        { id: "line", type: "line", ...of, filter: nothing, paint: { "line-color": colour(), "line-width": 2 } },
        { id: "line-unsure", type: "line", ...of, filter: nothing,
          paint: { "line-color": colour(), "line-width": 2, "line-dasharray": [3, 1.6] } },
        { id: "line-chosen", type: "line", ...of, filter: nothing, paint: { "line-color": "#1a1d21", "line-width": 4 } },
        { id: "dots", type: "circle", source: "dots",
          filter: ["any", ["==", ["get", "close"], 1], ["<", ["zoom"], CLOSE_ZOOM]],
          paint: { "circle-color": colour(), "circle-radius": 7, "circle-stroke-color": "#fff", "circle-stroke-width": 1.6 } },
      ],
    };
  };

  const bounds = (records) =>
    records.reduce(
      (box, { bounds: [west, south, east, north] }) => [
        Math.min(box[0], west), Math.min(box[1], south), Math.max(box[2], east), Math.max(box[3], north),
      ],
      [180, 90, -180, -90],
    );

  const whole = (records) => {
    if (!records.length) return [[-170, -55], [170, 70]];
    const [west, south, east, north] = bounds(records);
    return [[west, south], [east, north]];
  };

  /** Keep clear of the buttons, and where there is one of the small map in the corner. */
  const fitOptions = (container) =>
    container.clientWidth < site.LOCATOR_FROM_PX
      ? { padding: 34, maxZoom: 15 }
      : { padding: { top: 50, left: 50, right: 60, bottom: 125 }, maxZoom: 15 };

  const locale = () => ({
    "Map.Title": site.phrase("map_label"),
    "NavigationControl.ZoomIn": site.phrase("zoom_in"),
    "NavigationControl.ZoomOut": site.phrase("zoom_out"),
    "CooperativeGesturesHandler.WindowsHelpText": site.phrase("cooperative"),
    "CooperativeGesturesHandler.MacHelpText": site.phrase("cooperative"),
    "CooperativeGesturesHandler.MobileHelpText": site.phrase("cooperative"),
  });

  const start = (container, state, outlines) => {
    const view = state.view
      ? { center: [state.view.lon, state.view.lat], zoom: state.view.zoom }
      : { bounds: whole(site.data.records), fitBoundsOptions: fitOptions(container) };
    const map = new maplibregl.Map({
      container,
      style: style(outlines),
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      maxPitch: 0,
      maxZoom: 18,
      renderWorldCopies: true,
      cooperativeGestures: matchMedia("(pointer: coarse)").matches,
      locale: locale(),
      ...view,
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
    map.addControl(new maplibregl.ScaleControl({ maxWidth: 120 }), "bottom-left");
    return map;
  };

  const filterAll = (map, shown, chosen) => {
    const sure = shown.filter((record) => !UNSURE.includes(record.status));
    const unsure = shown.filter((record) => UNSURE.includes(record.status));
    const exact = (records) => among(records.filter((record) => record.outlined));
    map.setFilter("fill", exact(shown));
    map.setFilter("line", exact(sure));
    map.setFilter("line-unsure", exact(unsure));
    map.setFilter("line-chosen", exact(shown.filter((record) => record.id === chosen)));
    map.setFilter("circle-fill", among(shown));
    map.setFilter("circle-line", among(shown));
    map.getSource("dots").setData(collection(shown.map(point)));
  };

  /** Several in one wide cell would hide each other: the marks stand side by side in it, as far from any truth as before. */
  const spread = (records) => {
    const cells = {};
    for (const record of records) if (record.within) (cells[record.bounds.join()] ||= []).push(record);
    for (const inside of Object.values(cells)) {
      inside.forEach((record, index) => {
        const [west, , east] = record.bounds;
        if (inside.length > 1) record.at = [west + ((east - west) * (index + 1)) / (inside.length + 1), record.at[1]];
      });
    }
  };

  /** Make the map; `on.choose(id)` is told of a click, `on.move(view)` of a new view. Rejects where WebGL is missing. */
  site.makeMap = async (container, layer, state, on) => {
    const root = document.body.dataset.root;
    const outlines = await outlineSource(root);
    spread(site.data.records);
    const map = start(container, state, outlines);
    let now = { shown: [], chosen: "" };
    const labels = () => site.drawLabels(map, layer, now.shown, now.chosen);
    const locator = () => site.drawLocator(map, on.locator);
    await new Promise((resolve) => map.once("load", resolve));
    container.dataset.source = outlines.kind;
    labels();
    locator();
    map.on("move", labels);
    map.on("resize", labels);
    map.on("moveend", (event) => {
      locator();
      if (event.originalEvent || event.told) on.move({ zoom: map.getZoom(), lat: map.getCenter().lat, lon: map.getCenter().lng });
    });
    const hit = ({ x, y }) =>
      map.queryRenderedFeatures([[x - 6, y - 6], [x + 6, y + 6]], { layers: ["dots", "fill", "circle-fill"] })[0];
    map.on("click", (event) => {
      const found = hit(event.point);
      if (found) on.choose(found.properties.detection_id);
    });
    map.on("mousemove", (event) => {
      map.getCanvas().style.cursor = hit(event.point) ? "pointer" : "";
    });
    map.on("idle", () => { container.dataset.drawn = "1"; });
    return {
      map,
      show(shown, chosen) {
        now = { shown, chosen };
        filterAll(map, shown, chosen);
        labels();
      },
      goTo: (record) => map.fitBounds(whole([record]), { ...fitOptions(container), duration: 700 }, { told: true }),
      goToAll: (records) => map.fitBounds(whole(records), { ...fitOptions(container), duration: 500 }, { told: true }),
      jump: (view) => map.jumpTo({ center: [view.lon, view.lat], zoom: view.zoom }),
    };
  };
})();
