// The small map in the corner: where in the world the large one lies.
(() => {
  "use strict";
  const site = window.SITEWATCH;
  const HIGH_DEG = 24;
  const LEAST_ZOOM = 5;
  site.LOCATOR_FROM_PX = 500;

  /** Draw the countries around the middle of `map` into `canvas`, and a mark where it is; nothing where the map itself is wide. */
  site.drawLocator = (map, canvas) => {
    canvas.hidden = map.getZoom() < LEAST_ZOOM || map.getContainer().clientWidth < site.LOCATOR_FROM_PX;
    if (canvas.hidden) return;
    const { lng, lat } = map.getCenter();
    const { width, height } = canvas;
    const pen = canvas.getContext("2d");
    const perLat = height / HIGH_DEG;
    const perLon = perLat * Math.max(Math.cos((lat * Math.PI) / 180), 0.1);
    const at = ([x, y]) => [width / 2 + (x - lng) * perLon, height / 2 - (y - lat) * perLat];
    pen.fillStyle = "#dfe8ec";
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = "#faf8f2";
    pen.strokeStyle = "#9a917f";
    pen.lineWidth = 1.6;
    for (const { geometry } of site.ground.countries.features) {
      pen.beginPath();
      for (const ring of geometry.coordinates.flat()) {
        ring.forEach((corner, index) => pen[index ? "lineTo" : "moveTo"](...at(corner)));
        pen.closePath();
      }
      pen.fill("evenodd");
      pen.stroke();
    }
    pen.strokeStyle = "#c00030";
    pen.lineWidth = 5;
    const bounds = map.getBounds();
    const [left, top] = at([bounds.getWest(), bounds.getNorth()]);
    const [right, bottom] = at([bounds.getEast(), bounds.getSouth()]);
    const wide = Math.max(right - left, 14);
    const high = Math.max(bottom - top, 14);
    pen.strokeRect(width / 2 - wide / 2, height / 2 - high / 2, wide, high);
  };
})();
