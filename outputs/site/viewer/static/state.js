// Which detections are shown: read from the address, written to it, and decided for each record. No element is touched.
(() => {
  "use strict";
  const site = window.SITEWATCH;
  const DAY = /^\d{4}-\d{2}-\d{2}$/;

  const fresh = () => ({ events: null, statuses: null, least: 0, from: "", to: "", at: "", id: "", view: null });

  const listOf = (text) => (text === null ? null : text === "" ? [] : text.split(","));
  const dayOf = (text) => (text !== null && DAY.test(text) ? text : "");

  const viewOf = (text) => {
    const numbers = (text || "").split(",").map(Number);
    const fits = numbers.length === 3 && numbers.every(Number.isFinite) && Math.abs(numbers[1]) <= 85;
    return fits ? { zoom: Math.min(Math.max(numbers[0], 0), 18), lat: numbers[1], lon: numbers[2] } : null;
  };

  /** Return the state that an address stands for; what it says wrongly is as if it were not there. */
  site.readState = (hash) => {
    const told = new URLSearchParams(hash.replace(/^#/, ""));
    const least = Number(told.get("c"));
    return {
      ...fresh(),
      events: listOf(told.get("ev")),
      statuses: listOf(told.get("st")),
      least: Number.isFinite(least) ? Math.min(Math.max(least, 0), 100) : 0,
      from: dayOf(told.get("from")),
      to: dayOf(told.get("to")),
      at: dayOf(told.get("at")),
      id: told.get("id") || "",
      view: viewOf(told.get("v")),
    };
  };

  /** Return the part of the address after # that stands for `state`. */
  site.writeState = (state) => {
    const told = new URLSearchParams();
    if (state.events !== null) told.set("ev", state.events.join(","));
    if (state.statuses !== null) told.set("st", state.statuses.join(","));
    if (state.least > 0) told.set("c", String(state.least));
    if (state.from) told.set("from", state.from);
    if (state.to) told.set("to", state.to);
    if (state.at) told.set("at", state.at);
    if (state.id) told.set("id", state.id);
    if (state.view) {
      const { zoom, lat, lon } = state.view;
      told.set("v", `${zoom.toFixed(2)},${lat.toFixed(4)},${lon.toFixed(4)}`);
    }
    return told.toString().replaceAll("%2C", ",");
  };

  const inTime = (record, state) => {
    if (!state.from && !state.to && !state.at) return true;
    if (!record.began) return false;
    return (
      (!state.from || record.began >= state.from) &&
      (!state.to || record.began <= state.to) &&
      (!state.at || record.began <= state.at)
    );
  };

  /** Say whether a record passes all filters. What is not told of a record fits no filter that asks for it. */
  site.passes = (record, state) =>
    (state.events === null || state.events.includes(record.event || "")) &&
    (state.statuses === null || state.statuses.includes(record.status || "")) &&
    (state.least <= 0 || (record.confidence !== null && record.confidence * 100 >= state.least - 1e-9)) &&
    inTime(record, state);

  /** Return the last days of all months from the first to the last beginning: the stops of the time slider. */
  site.monthEnds = (records) => {
    const days = records.map((record) => record.began).filter((day) => day && DAY.test(day)).sort();
    const ends = [];
    if (!days.length) return ends;
    let [year, month] = days[0].split("-").map(Number);
    for (; ends.length < 1200; month += 1) {
      if (month > 12) [year, month] = [year + 1, 1];
      const end = new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
      ends.push(end);
      if (end >= days[days.length - 1]) break;
    }
    return ends;
  };
  site.freshState = fresh;
})();
