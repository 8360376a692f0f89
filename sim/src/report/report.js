"use strict";
// A crosshair that reads the curves, and a filter for the events. The page says all it has to say without either.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  data.end_ms = Math.max(data.end_ms, 1);
  const plots = [...document.querySelectorAll(".plot")];
  const rate = (kbps) => (kbps >= 1000 ? `${+(kbps / 1000).toFixed(kbps < 10000 ? 2 : 1)} Mbps` : kbps ? `${kbps} kbps` : "0");

  // The interval that holds a time, or none in a hole.
  const intervalAt = (viewer, ms) => {
    let low = 0, high = viewer.t_ms.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (viewer.t_ms[middle] < ms) low = middle + 1; else high = middle;
    }
    return low < viewer.t_ms.length && viewer.t_ms[low] - ms <= viewer.interval_ms * 1.5 ? low : -1;
  };

  const readingsAt = (viewer, ms) => {
    const at = intervalAt(viewer, ms);
    if (at < 0) return [];
    const readings = [
      [viewer.capacity_kbps[at] === null ? "not limited" : rate(viewer.capacity_kbps[at]), "capacity"],
      [viewer.estimate_kbps[at] === null ? "none yet" : rate(viewer.estimate_kbps[at]), "estimate"],
      [rate(viewer.received_kbps[at]), "received"],
    ];
    for (const stream of viewer.streams) {
      if (stream.received_kbps[at] === null) continue;
      const layer = stream.layer[at] === null ? "no layer" : `layer ${stream.layers[stream.layer[at]]}`;
      readings.push([rate(stream.received_kbps[at]), `${stream.name}, ${layer}`]);
    }
    readings.push([`${viewer.queue_ms[at]} ms`, "queue delay"]);
    for (const way of ["up", "down"]) {
      const scored = viewer.quality[way].find(([from, to]) => from <= ms && ms < to);
      if (scored) readings.push([scored[2], `quality ${way}`]);
    }
    return readings;
  };

  const element = (parent, tag, text) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };

  const crosshairs = plots.map((plot) => {
    const hair = element(plot, "div");
    hair.className = "hair";
    hair.style.top = `${plot.dataset.top}px`;
    hair.style.height = `${plot.dataset.bottom - plot.dataset.top}px`;
    const readout = element(plot, "div");
    readout.className = "readout";
    hair.hidden = readout.hidden = true;
    return { plot, hair, readout, viewer: data.viewers[plot.dataset.viewer] };
  });

  const hide = () => crosshairs.forEach((c) => (c.hair.hidden = c.readout.hidden = true));

  // A line in every figure, numbers in the one that is pointed at.
  const show = (ms, pointedAt) => {
    const share = ms / data.end_ms;
    for (const { plot, hair, readout, viewer } of crosshairs) {
      hair.hidden = false;
      hair.style.left = `${share * 100}%`;
      readout.hidden = plot !== pointedAt || !viewer;
      if (readout.hidden) continue;
      readout.replaceChildren();
      element(readout, "b", `${(ms / 1000).toFixed(1)} s`);
      const readings = readingsAt(viewer, ms);
      if (!readings.length) element(readout, "span", "watched nothing");
      for (const reading of readings) reading.forEach((text) => element(readout, "span", text));
      readout.style.top = `${+plot.dataset.top + 6}px`;
      const west = share > 0.6;
      readout.style.left = west ? "auto" : `calc(${share * 100}% + 10px)`;
      readout.style.right = west ? `calc(${100 - share * 100}% + 10px)` : "auto";
    }
  };

  for (const { plot, viewer } of crosshairs) {
    const clamp = (ms) => Math.min(Math.max(ms, 0), data.end_ms);
    plot.addEventListener("pointermove", (event) => {
      if (event.target.closest(".mark")) return hide();
      const box = plot.getBoundingClientRect();
      show(clamp(((event.clientX - box.left) / box.width) * data.end_ms), plot);
    });
    plot.addEventListener("pointerleave", hide);
    if (!viewer) continue;

    // The same with the arrow keys: a slider over time, on an element of its own so that the marks stay reachable beside it.
    const slider = element(plot, "div");
    plot.prepend(slider);
    let now = 0;
    const attributes = { role: "slider", tabindex: 0, "aria-label": `Time in the timeline of ${viewer.user}`, "aria-valuemin": 0, "aria-valuemax": data.end_ms / 1000 };
    Object.entries(attributes).forEach(([name, value]) => slider.setAttribute(name, value));
    slider.className = "slider";
    slider.style.top = `${plot.dataset.top}px`;
    slider.style.height = `${plot.dataset.bottom - plot.dataset.top}px`;
    const move = (ms) => {
      now = clamp(ms);
      slider.setAttribute("aria-valuenow", now / 1000);
      slider.setAttribute("aria-valuetext", [`${(now / 1000).toFixed(1)} s`, ...readingsAt(viewer, now).map(([value, name]) => `${name} ${value}`)].join(", "));
      if (document.activeElement === slider) show(now, plot);
    };
    move(0);
    slider.addEventListener("focus", () => slider.matches(":focus-visible") && show(now, plot));
    slider.addEventListener("blur", hide);
    slider.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -100, ArrowRight: 100, ArrowDown: -100, ArrowUp: 100, PageDown: -1000, PageUp: 1000, Home: -Infinity, End: Infinity };
      if (!(event.key in steps)) return;
      event.preventDefault();
      move(now + steps[event.key]);
    });
  }

  const form = document.getElementById("filter");
  const rows = [...document.querySelectorAll("#rows tbody tr")];
  const filter = () => {
    const user = form.elements.user.value, kind = form.elements.kind.value;
    let shown = 0;
    for (const row of rows) {
      row.hidden = (user && row.cells[1].textContent !== user) || (kind && row.cells[2].textContent !== kind);
      if (!row.hidden) shown += 1;
    }
    form.querySelector("output").textContent = `${shown} ${shown === 1 ? "event" : "events"}`;
  };
  form.hidden = false;
  form.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  // A mark's row must be visible to be gone to: neither folded away nor filtered out.
  document.addEventListener("click", (event) => {
    const mark = event.target.closest(".mark");
    if (!mark) return;
    document.getElementById("all-events").open = true;
    const row = document.getElementById(mark.hash.slice(1));
    if (row && row.hidden) {
      form.reset();
      filter();
    }
  });
})();
