// The page of one detection: swipe, keys, verdicts. Whatever is stored is stored by the server at once.

import { TwoLayerMap } from "./map.js";
import { Outline, boundsOf } from "./outline.js";

const SWIPE_STEP = 5;
const find = (selector) => document.querySelector(selector);
const page = find("#review");
const live = find("#said");

const say = (text, { isBad = false } = {}) => {
  live.textContent = text;
  live.classList.toggle("bad", isBad);
};

const go = (where) => {
  if (where) location.assign(where);
  else say("There is no other one.");
};

// ---- before and after -------------------------------------------------------------------------------------------

const stage = find("#stage");
const swipe = find("#swipe");
let outline = null;

const setSwipe = (value) => {
  swipe.value = Math.min(100, Math.max(0, value));
  stage.style.setProperty("--share", `${swipe.value}%`);
  swipe.setAttribute("aria-valuetext", `${swipe.value} % before, ${100 - swipe.value} % after`);
};

const dragSwipe = (event) => {
  const box = stage.getBoundingClientRect();
  setSwipe(Math.round(((event.clientX - box.left) / box.width) * 1000) / 10);
};

const showMap = () => {
  const { area, run } = page.dataset;
  let look = find("[name=look]:checked")?.value ?? "true";
  const tileUrl = (side, zoom, column, row) =>
    `/tiles/${encodeURIComponent(area)}/${side}/${zoom}/${column}/${row}.png?look=${look}&run=${encodeURIComponent(run)}`;
  const geometry = JSON.parse(stage.dataset.outline);
  const [leastZoom, mostZoom] = [Number(stage.dataset.leastZoom), Number(stage.dataset.mostZoom)];
  const map = new TwoLayerMap(stage, { tileUrl, bounds: boundsOf(geometry), leastZoom, mostZoom });
  outline = new Outline(find("#overlay"), map, geometry, { said: say });

  let held = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    const isGrip = event.target.closest(".divider") !== null || event.pointerType === "touch";
    held = { isGrip, x: event.clientX, y: event.clientY };
    stage.setPointerCapture(event.pointerId);
    if (isGrip) dragSwipe(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (held.isGrip) dragSwipe(event);
    else map.moveBy(event.clientX - held.x, event.clientY - held.y);
    held = { ...held, x: event.clientX, y: event.clientY };
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, () => { held = null; });
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && document.activeElement !== stage) return; // the page scrolls until the picture is chosen
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    map.zoomBy(event.deltaY < 0 ? 1 : -1, [event.clientX - box.left, event.clientY - box.top]);
  }, { passive: false });

  for (const choice of document.querySelectorAll("[name=look]")) {
    choice.addEventListener("change", () => {
      look = choice.value;
      map.change(tileUrl);
    });
  }
  return map;
};

const map = stage ? showMap() : null;

if (stage) {
  setSwipe(50);
  swipe.addEventListener("input", () => setSwipe(Number(swipe.value)));
}

const toggleOutline = () => {
  if (!stage) return;
  const isHidden = find("#overlay").classList.toggle("hidden-outline");
  find("#outline-toggle").setAttribute("aria-pressed", String(!isHidden));
};

const toggleEditing = () => {
  if (!outline) return;
  outline.setEdited(!outline.isEdited);
  find("#outline-edit").setAttribute("aria-pressed", String(outline.isEdited));
  find("#outline-reset").hidden = !outline.isEdited;
  if (outline.isEdited) say("Drag a corner; a small dot adds one; a double click or Delete takes one away.");
};

// ---- what is stored ---------------------------------------------------------------------------------------------

const send = async (path, content) => {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
  const told = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error ?? `the server answered ${answer.status}`);
  return told;
};

let isBusy = false;
const once = async (work) => {
  if (isBusy) return;
  isBusy = true;
  try {
    await work();
  } catch (error) {
    say(`Not stored: ${error.message}`, { isBad: true });
  } finally {
    isBusy = false;
  }
};

const decide = (verdict) => once(async () => {
  const told = await send("/verdicts", {
    detection_id: page.dataset.detection,
    base_version: page.dataset.mark,
    verdict,
    note: find("#note").value,
    event: find("#event").value,
    outline: outline?.corrected() ?? null,
  });
  location.assign(told.next);
});

const undo = () => once(async () => {
  const stored = find("#stored");
  if (!stored) {
    say("There is nothing to take back.");
    return;
  }
  const told = await send("/undo", { detection_id: stored.dataset.detection });
  location.assign(told.next);
});

// ---- keys and buttons -------------------------------------------------------------------------------------------

const help = find("#help");
const link = (name) => find(`a[rel=${name}]`)?.href;
const keys = {
  c: () => decide("confirmed"),
  r: () => decide("rejected"),
  u: () => decide("unsure"),
  z: undo,
  j: () => go(link("next")),
  k: () => go(link("prev")),
  n: () => find("#note").focus(),
  o: toggleOutline,
  e: toggleEditing,
  0: () => map?.fit(),
  "+": () => map?.zoomBy(1),
  "-": () => map?.zoomBy(-1),
  "?": () => help.showModal(),
  ArrowLeft: () => stage && setSwipe(Number(swipe.value) - SWIPE_STEP),
  ArrowRight: () => stage && setSwipe(Number(swipe.value) + SWIPE_STEP),
};

document.addEventListener("keydown", (event) => {
  const isTyped = event.target.closest("input:not([type=range]), textarea, select") !== null;
  if (event.key === "Escape" && isTyped) event.target.blur();
  if (isTyped || help.open || event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key.length === 1) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

for (const button of document.querySelectorAll("button[data-key]")) {
  button.addEventListener("click", () => keys[button.dataset.key]());
}
find("#outline-reset")?.addEventListener("click", () => outline.reset());
document.documentElement.dataset.ready = "yes";
