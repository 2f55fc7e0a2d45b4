// The outline above the pictures, and its correction: corners are dragged, added and taken away.

const SVG = "http://www.w3.org/2000/svg";
const LEAST_CORNERS = 3;

const polygonsOf = (geometry) => (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates);

// Rings without their last corner, which repeats the first.
const opened = (geometry) => polygonsOf(geometry).map((rings) => rings.map((ring) => ring.slice(0, -1)));

const make = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

export const boundsOf = (geometry) => {
  const corners = polygonsOf(geometry).flat(2);
  const [lons, lats] = [corners.map((corner) => corner[0]), corners.map((corner) => corner[1])];
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
};

export class Outline {
  constructor(svg, map, geometry, { said }) {
    this.svg = svg;
    this.map = map;
    this.geometry = geometry;
    this.said = said;
    this.polygons = opened(geometry);
    this.isChanged = false;
    this.isEdited = false;
    this.casing = make("path", { class: "casing" });
    this.line = make("path", { class: "outline" });
    this.handles = make("g", {});
    svg.append(this.casing, this.line, this.handles);
    map.onMove(() => this.draw());
  }

  // What is to be stored: nothing where nothing was moved.
  corrected() {
    if (!this.isChanged) return null;
    const closed = this.polygons.map((rings) => rings.map((ring) => [...ring, ring[0]]));
    return { type: "MultiPolygon", coordinates: closed };
  }

  setEdited(isEdited) {
    this.isEdited = isEdited;
    this.draw();
  }

  reset() {
    this.polygons = opened(this.geometry);
    this.isChanged = false;
    this.draw();
  }

  rings() {
    return this.polygons.flat();
  }

  draw() {
    const path = this.rings()
      .map((ring) => `M${ring.map((corner) => this.map.toStage(corner).map((v) => v.toFixed(1)).join(",")).join("L")}Z`)
      .join("");
    this.casing.setAttribute("d", path);
    this.line.setAttribute("d", path);
    this.line.classList.toggle("corrected", this.isChanged);
    if (!this.dragged) this.drawHandles();
  }

  drawHandles() {
    this.handles.replaceChildren();
    if (!this.isEdited) return;
    for (const ring of this.rings()) {
      ring.forEach((corner, index) => {
        const next = ring[(index + 1) % ring.length];
        const middle = [(corner[0] + next[0]) / 2, (corner[1] + next[1]) / 2];
        this.handles.append(this.handle(ring, index, middle, { isMiddle: true }));
      });
      ring.forEach((corner, index) => this.handles.append(this.handle(ring, index, corner, { isMiddle: false })));
    }
  }

  handle(ring, index, position, { isMiddle }) {
    const [x, y] = this.map.toStage(position);
    const handle = make("circle", { cx: x, cy: y, r: isMiddle ? 5 : 7, class: isMiddle ? "middle" : "corner" });
    handle.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      if (isMiddle) ring.splice(index + 1, 0, position);
      this.drag(ring, isMiddle ? index + 1 : index, handle, event);
    });
    if (!isMiddle) {
      handle.setAttribute("tabindex", "0");
      handle.setAttribute("role", "button");
      handle.setAttribute("aria-label", `Corner ${index + 1} of ${ring.length}: arrows move it, Delete takes it away`);
      handle.addEventListener("dblclick", () => this.remove(ring, index));
      handle.addEventListener("keydown", (event) => this.onKey(event, ring, index));
    }
    return handle;
  }

  drag(ring, index, handle, event) {
    handle.setPointerCapture(event.pointerId);
    this.dragged = handle;
    const box = this.svg.getBoundingClientRect();
    const move = (moved) => {
      const at = [moved.clientX - box.left, moved.clientY - box.top];
      ring[index] = this.map.toPosition(at);
      handle.setAttribute("cx", at[0]);
      handle.setAttribute("cy", at[1]);
      this.changed();
    };
    const end = () => {
      handle.removeEventListener("pointermove", move);
      this.dragged = null;
      this.draw();
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
  }

  onKey(event, ring, index) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (!step && event.key !== "Delete" && event.key !== "Backspace") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) {
      this.remove(ring, index);
      return;
    }
    const [x, y] = this.map.toStage(ring[index]);
    const far = event.shiftKey ? 10 : 1;
    ring[index] = this.map.toPosition([x + step[0] * far, y + step[1] * far]);
    this.changed();
    this.focus(ring, index);
  }

  remove(ring, index) {
    if (ring.length <= LEAST_CORNERS) {
      this.said("An outline needs three corners.");
      return;
    }
    ring.splice(index, 1);
    this.changed();
    this.focus(ring, Math.min(index, ring.length - 1));
  }

  focus(ring, index) {
    const before = this.rings().slice(0, this.rings().indexOf(ring)).reduce((sum, one) => sum + one.length, 0);
    this.handles.querySelectorAll(".corner")[before + index]?.focus();
  }

  changed() {
    this.isChanged = true;
    this.draw();
  }
}
