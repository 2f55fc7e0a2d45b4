// Two pictures of the same place, one above the other, that move and zoom together.
// Tiles are the web's usual ones (EPSG:3857); positions are in pixels of the world at the present zoom.

const TILE_PX = 256;

export const project = ([lon, lat], zoom) => {
  const size = TILE_PX * 2 ** zoom;
  const sine = Math.sin((lat * Math.PI) / 180);
  return [((lon + 180) / 360) * size, (0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)) * size];
};

export const unproject = ([x, y], zoom) => {
  const size = TILE_PX * 2 ** zoom;
  const lat = (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / size))) * 180) / Math.PI;
  return [(x / size) * 360 - 180, lat];
};

export class TwoLayerMap {
  constructor(stage, { tileUrl, bounds, leastZoom, mostZoom }) {
    this.stage = stage;
    this.tileUrl = tileUrl;
    this.bounds = bounds;
    this.leastZoom = leastZoom;
    this.mostZoom = mostZoom;
    this.layers = ["after", "before"].map((side) => ({
      side, element: stage.querySelector(`[data-side="${side}"]`), tiles: new Map(),
    }));
    this.listeners = [];
    this.fit();
    new ResizeObserver(() => this.draw()).observe(stage);
  }

  onMove(listener) {
    this.listeners.push(listener);
    listener();
  }

  // Show all of the bounds, with about as much around them again.
  fit() {
    const [west, south, east, north] = this.bounds;
    const room = 0.4;
    this.zoom = this.leastZoom;
    for (let zoom = this.mostZoom; zoom >= this.leastZoom; zoom -= 1) {
      const [left, bottom] = project([west, south], zoom);
      const [right, top] = project([east, north], zoom);
      if (right - left <= this.stage.clientWidth * room && bottom - top <= this.stage.clientHeight * room) {
        this.zoom = zoom;
        break;
      }
    }
    this.zoom = Math.min(this.zoom, Math.max(this.leastZoom, this.mostZoom - 2));
    this.centre = project([(west + east) / 2, (south + north) / 2], this.zoom);
    this.draw();
  }

  corner() {
    return [this.centre[0] - this.stage.clientWidth / 2, this.centre[1] - this.stage.clientHeight / 2];
  }

  toStage(position) {
    const [left, top] = this.corner();
    const [x, y] = project(position, this.zoom);
    return [x - left, y - top];
  }

  toPosition([x, y]) {
    const [left, top] = this.corner();
    return unproject([x + left, y + top], this.zoom);
  }

  moveBy(x, y) {
    this.centre = [this.centre[0] - x, this.centre[1] - y];
    this.draw();
  }

  zoomBy(steps, around = [this.stage.clientWidth / 2, this.stage.clientHeight / 2]) {
    const zoom = Math.min(this.mostZoom, Math.max(this.leastZoom, this.zoom + steps));
    if (zoom === this.zoom) return;
    const kept = this.toPosition(around);
    this.zoom = zoom;
    const [x, y] = project(kept, zoom);
    this.centre = [x - around[0] + this.stage.clientWidth / 2, y - around[1] + this.stage.clientHeight / 2];
    this.draw();
  }

  // Ask for the tiles anew, as another look at the same place.
  change(tileUrl) {
    this.tileUrl = tileUrl;
    for (const layer of this.layers) {
      layer.tiles.clear();
      layer.element.replaceChildren();
    }
    this.draw();
  }

  draw() {
    const [left, top] = this.corner();
    const count = 2 ** this.zoom;
    const columns = [Math.floor(left / TILE_PX), Math.floor((left + this.stage.clientWidth) / TILE_PX)];
    const rows = [Math.floor(top / TILE_PX), Math.floor((top + this.stage.clientHeight) / TILE_PX)];
    for (const layer of this.layers) {
      const wanted = new Set();
      for (let row = Math.max(0, rows[0]); row <= Math.min(count - 1, rows[1]); row += 1) {
        for (let column = columns[0]; column <= columns[1]; column += 1) {
          const key = `${this.zoom}/${((column % count) + count) % count}/${row}/${column}`;
          wanted.add(key);
          const tile = layer.tiles.get(key) ?? this.addTile(layer, key);
          tile.style.transform = `translate(${Math.round(column * TILE_PX - left)}px, ${Math.round(row * TILE_PX - top)}px)`;
        }
      }
      for (const [key, tile] of layer.tiles) {
        if (!wanted.has(key)) {
          tile.remove();
          layer.tiles.delete(key);
        }
      }
    }
    for (const listener of this.listeners) listener();
  }

  addTile(layer, key) {
    const [zoom, column, row] = key.split("/");
    const tile = new Image(TILE_PX, TILE_PX);
    tile.alt = "";
    tile.draggable = false;
    tile.addEventListener("error", () => tile.classList.add("missing"));
    tile.src = this.tileUrl(layer.side, zoom, column, row);
    layer.tiles.set(key, tile);
    layer.element.append(tile);
    return tile;
  }
}
