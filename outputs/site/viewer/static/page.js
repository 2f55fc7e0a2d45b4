// What every page does: swipe between two pictures, play a time-lapse on demand, keep the state when the language changes.
(() => {
  "use strict";
  const site = (window.SITEWATCH = window.SITEWATCH || {});

  site.words = () => site.catalogue.words;

  /** Put the words for `key` into `element`; English that stands in for a missing translation is marked as English. */
  site.say = (element, key, values) => {
    const text = site.phrase(key, values);
    element.textContent = text;
    if (site.catalogue.english.includes(key) && site.catalogue.language !== "en") {
      element.lang = "en";
      element.dir = "ltr";
    } else {
      element.removeAttribute("lang");
      element.removeAttribute("dir");
    }
  };

  site.phrase = (key, values) =>
    Object.entries(values || {}).reduce(
      (text, [name, value]) => text.replaceAll(`{${name}}`, String(value)),
      site.words()[key] === undefined ? key : site.words()[key],
    );

  /** Make a swipe of a figure that holds two pictures of one size: the first is cut off at the line. */
  site.swipe = (figure) => {
    const range = figure.querySelector("input[type=range]");
    const stage = figure.querySelector(".swipe-stage");
    const draw = () => {
      stage.style.setProperty("--cut", `${range.value}%`);
      range.setAttribute("aria-valuetext", `${range.value} %`);
    };
    range.addEventListener("input", draw);
    figure.classList.add("ready");
    range.hidden = false;
    draw();
  };

  /** A time-lapse moves only while a reader wants it to; it can be stopped at any time. */
  site.timelapse = (figure) => {
    const button = figure.querySelector("button");
    const image = figure.querySelector("img");
    const link = figure.querySelector("a");
    button.hidden = false;
    button.addEventListener("click", () => {
      const plays = image.hidden;
      if (plays) {
        image.src = link.getAttribute("href");
      } else {
        image.removeAttribute("src");
      }
      image.hidden = !plays;
      button.setAttribute("aria-pressed", String(plays));
      site.say(button, plays ? "timelapse_stop" : "timelapse_play");
    });
  };

  document.documentElement.classList.add("scripted");
  document.querySelectorAll("figure.swipe").forEach(site.swipe);
  document.querySelectorAll("figure.timelapse").forEach(site.timelapse);
  document.querySelectorAll("nav.languages a").forEach((link) => {
    const bare = link.getAttribute("href");
    link.addEventListener("click", () => link.setAttribute("href", bare + location.hash));
  });
})();
