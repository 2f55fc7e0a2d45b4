// The page with map and list: filters, time slider, choice of one detection; the address holds the state.
(() => {
  "use strict";
  const site = window.SITEWATCH;
  const root = document.body.dataset.root;
  const pages = document.body.dataset.pages;
  const find = (selector) => document.querySelector(selector);
  const cards = new Map([...document.querySelectorAll("[data-slug]")].map((card) => [card.dataset.slug, card]));
  const months = site.monthEnds(site.data.records);
  const slider = find("#time");
  const play = find("#play");
  let state = site.readState(location.hash);
  let view = null;
  let timer = 0;
  let returnTo = null;

  const boxes = (name) => [...document.querySelectorAll(`input[name="${name}"]`)];
  const checked = (name) => {
    const all = boxes(name);
    const on = all.filter((box) => box.checked).map((box) => box.value);
    return on.length === all.length ? null : on;
  };
  const shownNow = () => site.data.records.filter((record) => site.passes(record, state));

  const drawControls = () => {
    for (const [name, key] of [["event", "events"], ["status", "statuses"]]) {
      for (const box of boxes(name)) box.checked = state[key] === null || state[key].includes(box.value);
    }
    const least = find("#least");
    if (least) {
      least.value = String(state.least);
      find("#least-said").textContent = `${state.least} %`;
      least.setAttribute("aria-valuetext", `${state.least} %`);
    }
    if (find("#from")) [find("#from").value, find("#to").value] = [state.from, state.to];
    drawTime();
  };

  const drawTime = () => {
    if (!slider) return;
    const index = state.at ? months.findIndex((end) => end >= state.at) : -1;
    slider.value = String(index < 0 ? months.length : index);
    const key = state.at ? "time_at" : "time_all";
    site.say(find("#time-said"), key, { day: state.at });
    slider.setAttribute("aria-valuetext", site.phrase(key, { day: state.at }));
  };

  const drawList = (shown) => {
    const slugs = new Set(shown.map((record) => record.slug));
    for (const [slug, card] of cards) {
      card.hidden = !slugs.has(slug);
      card.classList.toggle("chosen", card.dataset.id === state.id);
    }
    const all = site.data.records.length;
    site.say(find("#count"), shown.length || !all ? "count" : "count_none", { shown: shown.length, all });
  };

  const remember = () => {
    const told = site.writeState(state);
    if (told !== location.hash.slice(1)) history.replaceState(null, "", `#${told}`);
  };

  const draw = () => {
    const shown = shownNow();
    drawControls();
    drawList(shown);
    drawChosen(shown);
    if (view) view.show(shown, state.id);
    remember();
  };

  const picture = (name, path, key, title) => {
    const image = document.createElement("img");
    image.className = name;
    image.src = root + path;
    image.alt = site.phrase(key, { title });
    return image;
  };

  const swipeOf = (record, title) => {
    const figure = find("#swipe-form").content.firstElementChild.cloneNode(true);
    const stage = figure.querySelector(".swipe-stage");
    stage.prepend(
      picture("after", record.pictures.after, "after_alt", title),
      picture("before", record.pictures.before, "before_alt", title),
    );
    for (const when of ["before", "after"]) {
      figure.querySelector(`.${when}-day`).textContent = record.pictures[`${when}_on`] || "";
    }
    site.swipe(figure);
    return figure;
  };

  const drawChosen = (shown) => {
    const panel = find("#chosen");
    const record = shown.find((one) => one.id === state.id);
    if (!record) {
      panel.hidden = true;
      panel.dataset.id = "";
      return;
    }
    if (panel.dataset.id === record.id && !panel.hidden) return;
    panel.dataset.id = record.id;
    panel.hidden = false;
    const card = cards.get(record.slug);
    const title = card.querySelector("h3").textContent.trim().replace(/\s+/g, " ");
    find("#chosen-title").textContent = title;
    find("#chosen-facts").replaceChildren(...[...card.querySelector("dl").children].map((row) => row.cloneNode(true)));
    find("#chosen-link").href = `${pages}sites/${record.slug}.html`;
    const pictures = record.pictures;
    const shownPicture = pictures.before && pictures.after
      ? [swipeOf(record, title)]
      : pictures.pair
        ? [picture("pair", pictures.pair, "pair_alt", title)]
        : [];
    find("#chosen-picture").replaceChildren(...shownPicture);
  };

  const choose = (id, button) => {
    stop();
    state.id = id;
    returnTo = button || null;
    draw();
    const record = site.data.records.find((one) => one.id === id);
    if (view && record) view.goTo(record);
    if (!find("#chosen").hidden) {
      find("#chosen-title").focus({ preventScroll: true });
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      find(button && innerWidth < 900 ? "#map-part" : "#chosen").scrollIntoView({
        block: "nearest", behavior: still ? "auto" : "smooth",
      });
    }
  };

  const close = () => {
    state.id = "";
    draw();
    if (returnTo) returnTo.focus();
  };

  const stop = () => {
    clearInterval(timer);
    timer = 0;
    if (play) site.say(play, "play");
  };

  const step = () => {
    const index = Math.min(Number(slider.value) + 1, months.length);
    state.at = months[index] || "";
    draw();
    if (index >= months.length) stop();
  };

  const startPlaying = () => {
    if (timer) return stop();
    state.at = state.at || months[0];
    draw();
    timer = setInterval(step, 700);
    return site.say(play, "pause");
  };

  const listen = () => {
    find("#filters").addEventListener("input", () => {
      state.events = checked("event");
      state.statuses = checked("status");
      if (find("#least")) state.least = Number(find("#least").value);
      if (find("#from")) [state.from, state.to] = [find("#from").value, find("#to").value];
      draw();
    });
    find("#filters").addEventListener("submit", (event) => event.preventDefault());
    find("#reset").addEventListener("click", () => {
      stop();
      state = { ...site.freshState(), view: state.view };
      draw();
    });
    if (slider) {
      slider.addEventListener("input", () => {
        stop();
        state.at = months[Number(slider.value)] || "";
        draw();
      });
      play.addEventListener("click", startPlaying);
    }
    document.querySelectorAll("button[data-show]").forEach((button) => {
      button.addEventListener("click", () => choose(button.dataset.show, button));
    });
    find("#chosen-close").addEventListener("click", close);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !find("#chosen").hidden) close();
    });
    find("#whole").addEventListener("click", () => view && view.goToAll(shownNow()));
    addEventListener("hashchange", () => {
      stop();
      state = site.readState(location.hash);
      draw();
      if (view && state.view) view.jump(state.view);
    });
  };

  const startMap = async () => {
    const move = (told) => {
      state.view = told;
      remember();
    };
    try {
      view = await site.makeMap(find("#map"), find("#labels"), state, {
        choose: (id) => choose(id, null), move, locator: find("#locator"),
      });
      draw();
      const record = shownNow().find((one) => one.id === state.id);
      if (record && !state.view) view.goTo(record);
    } catch (error) {
      find("#no-map").hidden = false;
      for (const part of ["#map", "#labels", "#locator"]) find(part).hidden = true;
      console.warn(error);
    }
  };

  if (slider) slider.max = String(months.length);
  if (matchMedia("(max-width: 899px)").matches && find("#filters-fold")) find("#filters-fold").open = false;
  listen();
  draw();
  startMap();
})();
