// Words on the map as plain elements above the canvas: no glyphs are needed, every script of the world works.
(() => {
  "use strict";
  const site = window.SITEWATCH;
  const MOST_TOWNS = 14;
  const MOST_NUMBERS = 60;
  const SPACE_PX = 6;

  const overlaps = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

  const degrees = (value, positive, negative) => {
    const text = `${Math.abs(Number(value.toFixed(4)))}°`;
    return value === 0 ? text : `${text} ${value > 0 ? positive : negative}`;
  };

  /** Return the step between the lines of the graticule, in degrees. */
  site.graticuleStep = (zoom) =>
    [[2, 30], [3.5, 10], [5, 5], [7, 1], [8.5, 0.5], [10.5, 0.1], [12, 0.05], [14, 0.01], [99, 0.005]].find(
      ([most]) => zoom < most,
    )[1];

  const linesBetween = (first, last, step) => {
    const found = [];
    for (let index = Math.ceil(first / step); index * step <= last && found.length < 60; index += 1) {
      found.push(Number((index * step).toFixed(6)));
    }
    return found;
  };

  /** Return the meridians and parallels of what is in view: straight lines, for the map never turns. */
  site.graticule = (map) => {
    const bounds = map.getBounds();
    const step = site.graticuleStep(map.getZoom());
    const lons = linesBetween(bounds.getWest(), bounds.getEast(), step);
    const lats = linesBetween(Math.max(bounds.getSouth(), -85), Math.min(bounds.getNorth(), 85), step);
    return { lons, lats };
  };

  const label = (layer, className, text, x, y) => {
    const element = document.createElement("span");
    element.className = className;
    const words = document.createElement("bdi");
    words.textContent = text;
    element.append(words);
    element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    layer.append(element);
    return element;
  };

  const line = (layer, className, x, y) => {
    const element = document.createElement("span");
    element.className = className;
    element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    layer.append(element);
  };

  const edgeLabels = (map, layer, lines, size, taken) => {
    const wrapped = (lon) => ((((lon + 180) % 360) + 360) % 360) - 180;
    for (const lon of lines.lons) {
      const { x } = map.project([lon, map.getCenter().lat]);
      line(layer, "meridian", x, 0);
      if (x > 60 && x < size.width - 90) label(layer, "degree", degrees(wrapped(lon), "E", "W"), x + 3, 3);
    }
    for (const lat of lines.lats) {
      const { y } = map.project([map.getCenter().lng, lat]);
      line(layer, "parallel", 0, y);
      if (y > 30 && y < size.height - 40) label(layer, "degree", degrees(lat, "N", "S"), 5, y - 16);
    }
    taken.push({ left: 0, right: size.width, top: 0, bottom: 18 });
  };

  /** Draw the numbers of the detections `shown` and the names of towns, as many as find room, the chosen one first. */
  site.drawLabels = (map, layer, shown, chosen) => {
    const lines = site.graticule(map);
    const size = { width: layer.clientWidth, height: layer.clientHeight };
    const taken = [];
    layer.replaceChildren();
    edgeLabels(map, layer, lines, size, taken);
    const place = (text, at, className, wide, high, always) => {
      const { x, y } = map.project(at);
      const box = { left: x - wide / 2, right: x + wide / 2, top: y - high / 2, bottom: y + high / 2 };
      if (box.left < 0 || box.top < 0 || box.right > size.width || box.bottom > size.height) return false;
      if (!always && taken.some((other) => overlaps(box, other))) return false;
      taken.push({
        left: box.left - SPACE_PX, right: box.right + SPACE_PX, top: box.top - SPACE_PX, bottom: box.bottom + SPACE_PX,
      });
      return label(layer, className, text, box.left, box.top);
    };
    const ordered = [...shown].sort((a, b) => (b.id === chosen) - (a.id === chosen) || a.number - b.number);
    for (const record of ordered.slice(0, MOST_NUMBERS)) {
      const className = `number ${record.css}${record.id === chosen ? " chosen" : ""}`;
      const element = place(String(record.number), record.at, className, 22, 22, record.id === chosen);
      if (element && record.id === chosen) element.dataset.chosen = "1";
    }
    let named = 0;
    for (const [name, lon, lat] of site.ground.towns) {
      if (named >= MOST_TOWNS) break;
      const wide = 14 + name.length * 7;
      const element = place(name, [lon, lat], "town", wide, 30, false);
      if (element) named += 1;
    }
  };
})();
