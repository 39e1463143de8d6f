// The pages work without this file; it adds sorting, switches, keys, and plots to look into.
"use strict";
(() => {
  const { shape, drawing, ticks, axes, nearest, loadFrame, zoomed, onWheel, onPointer } = photpipe;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const page = (element) => element.closest(".page") || document.body;

  // -- tables that sort by the column whose head is clicked

  const UNKNOWN = "–";
  const plain = (cell) => (cell.dataset.sort || cell.textContent).trim().replace("−", "-");
  const numeric = (text) => Number(text.replace(/^> /, "").split(/[ ±×/]/)[0]);

  function sort(table, column, descending) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [plain(row.cells[column]), row]);
    const known = rows.filter(([text]) => text && text !== UNKNOWN);
    const numbers = known.every(([text]) => Number.isFinite(numeric(text)));
    const compare = numbers
      ? ([a], [b]) => numeric(a) - numeric(b)
      : ([a], [b]) => a.localeCompare(b, "en", { numeric: true });
    known.sort(compare);
    if (descending) known.reverse();
    const unknown = rows.filter(([text]) => !text || text === UNKNOWN);
    body.append(...[...known, ...unknown].map(([, row]) => row));
    all("th", table).forEach((head, index) => {
      if (index !== column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    });
  }

  function makeSortable(table) {
    const memory = table.dataset.remember && `sort ${location.pathname} ${table.id}`;
    all("thead th", table).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const descending = head.getAttribute("aria-sort") === "ascending";
        sort(table, column, descending);
        if (memory) sessionStorage.setItem(memory, JSON.stringify([column, descending]));
      });
    });
    const kept = memory && sessionStorage.getItem(memory);
    if (kept) sort(table, ...JSON.parse(kept));
  }

  // -- switches of what is drawn over pictures

  function applyLayer(box) {
    for (const viewer of all(".viewer", page(box))) {
      viewer.classList.toggle(`hide-${box.dataset.layer}`, !box.checked);
    }
  }

  function toggleAll(root) {
    const boxes = all("input[data-layer]", root);
    const on = !boxes.some((box) => box.checked);
    for (const box of boxes) {
      box.checked = on;
      box.dispatchEvent(new Event("change"));
    }
  }

  // -- keys

  const currentPage = () => all(".page").find((each) => !each.hidden);

  // in the single file one page is shown at a time: the one that the address names
  function route() {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const shown = (named && named.closest(".page")) || document.querySelector(".page");
    for (const each of all(".page")) each.hidden = each !== shown;
    if (named && named !== shown) named.scrollIntoView();
    else scrollTo(0, 0);
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input[type=text], textarea, select")) return;
    const root = currentPage();
    const go = (selector) => root.querySelector(selector)?.click();
    const actions = {
      ArrowLeft: () => go("a[rel=prev]"),
      ArrowRight: () => go("a[rel=next]"),
      h: () => go("a.up"),
      o: () => toggleAll(root),
    };
    if (actions[event.key]) actions[event.key]();
  }

  // -- plots

  const MARGIN = { left: 30, right: 14, top: 10, legend: 18, bottom: 38 };
  const DIGIT_PX = 6.6;
  const REACH_PX = 18; // a point nearer to the pointer is meant
  let plotCount = 0;

  // limits and rejected points do not squeeze the good ones: far away, they stand at the edge
  const atEdge = (spec, series) => spec.edge && series.style !== "used" && spec.series[0].style === "used";

  function extent(spec, axis) {
    const values = [];
    for (const series of spec.series) {
      if (axis === "y" && atEdge(spec, series)) continue;
      series[axis].forEach((value, index) => {
        if (value === null || series[axis === "x" ? "y" : "x"][index] === null) return;
        const error = (axis === "y" && series.e && series.e[index]) || 0;
        values.push(value);
        if (error < 5 * (spread(series.y) || Infinity)) values.push(value - error, value + error);
      });
    }
    if (!values.length) return [0, 1];
    let low = values.reduce((a, b) => Math.min(a, b));
    let high = values.reduce((a, b) => Math.max(a, b));
    const pad = 0.06 * (high - low) || Math.abs(high) * 1e-3 || 0.5;
    return [low - pad, high + pad];
  }

  function withRoom(spec, [low, high]) {
    const room = high - low;
    const others = spec.series.filter((series) => atEdge(spec, series)).flatMap((series) => series.y);
    const near = others.filter((y) => y !== null && y > low - room && y < high + room);
    return [Math.min(low, ...near.map((y) => y - 0.1 * room)), Math.max(high, ...near.map((y) => y + 0.1 * room))];
  }

  function spread(values) {
    const known = values.filter((value) => value !== null);
    return known.length > 1 ? Math.max(...known) - Math.min(...known) : Infinity;
  }

  const POINTS = {
    rejected: (x, y) => `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`,
    contaminated: (x, y) => `M${x - 5} ${y}l5 -5 5 5 -5 5z`,
    trail: (x, y) => `M${x - 7} ${y + 3}l14 -6`,
    bleeding: (x, y) => `M${x} ${y - 7}v14`,
    hit: (x, y) => `M${x - 5} ${y}h10m-5 -5v10m-3.5 -8.5l7 7m0 -7l-7 7`,
    chosen: (x, y) => `M${x - 4} ${y - 4}l8 8m0 -8l-8 8`,
    limit: (x, y) => `M${x - 5} ${y - 3}h10l-5 8z`,
    other: (x, y) => `M${x - 4} ${y}l4 -4 4 4 -4 4z`,
    used: (x, y) => `M${x - 3.5} ${y}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0z`,
    line: (x, y) => `M${x - 2} ${y}a2 2 0 1 0 4 0a2 2 0 1 0 -4 0z`,
  };

  class Plot {
    constructor(figure) {
      this.figure = figure;
      this.spec = JSON.parse(figure.dataset.plot);
      this.canvas = figure.querySelector(".canvas");
      this.clip = `clip${++plotCount}`;
      this.chosen = new Set();
      this.reset();
      this.tip = document.createElement("div");
      this.tip.className = "tip";
      this.tip.hidden = true;
      figure.append(this.tip);
      this.listen();
      new ResizeObserver(() => this.draw()).observe(this.canvas);
    }

    reset() {
      this.range = { x: extent(this.spec, "x"), y: withRoom(this.spec, extent(this.spec, "y")) };
    }

    draw() {
      const { width, height } = this.canvas.getBoundingClientRect();
      if (!width || !height) return;
      this.ticks = { x: ticks(...this.range.x, width / 75), y: ticks(...this.range.y, height / 55) };
      const longest = Math.max(0, ...this.ticks.y.map(([, text]) => text.length));
      const box = {
        left: MARGIN.left + DIGIT_PX * longest,
        right: width - MARGIN.right,
        top: MARGIN.top + (this.spec.series.length > 1 ? MARGIN.legend : 0),
        bottom: height - MARGIN.bottom,
        height,
      };
      this.box = box;
      const svg = drawing(width, height);
      this.drawAxes(svg, box);
      const inside = shape(svg, "g", { "clip-path": `url(#${this.clip})` });
      this.points = [];
      for (const series of this.spec.series) this.drawSeries(inside, series);
      this.drawLegend(svg, box);
      this.canvas.replaceChildren(svg);
    }

    place(axis, value) {
      const [low, high] = this.range[axis];
      const part = (value - low) / (high - low);
      if (axis === "x") return this.box.left + part * (this.box.right - this.box.left);
      const up = this.spec.down ? part : 1 - part;
      return this.box.top + up * (this.box.bottom - this.box.top);
    }

    shown(series, y) {
      return atEdge(this.spec, series) ? Math.max(this.box.top + 7, Math.min(this.box.bottom - 7, y)) : y;
    }

    value(axis, place) {
      const [low, high] = this.range[axis];
      const { left, right, top, bottom } = this.box;
      const part = axis === "x" ? (place - left) / (right - left) : (place - top) / (bottom - top);
      return low + (axis === "x" || this.spec.down ? part : 1 - part) * (high - low);
    }

    drawAxes(svg, box) {
      const clip = shape(shape(svg, "defs", {}), "clipPath", { id: this.clip });
      const size = { width: box.right - box.left, height: box.bottom - box.top };
      shape(clip, "rect", { x: box.left, y: box.top, ...size });
      const place = { x: (value) => this.place("x", value), y: (value) => this.place("y", value) };
      axes(svg, box, this.ticks, place, this.spec);
      const lines = shape(svg, "g", { "clip-path": `url(#${this.clip})` });
      for (const mark of this.spec.marks) {
        const at = this.place(mark.axis, mark.at).toFixed(1);
        const d = mark.axis === "x" ? `M${at} ${box.top}V${box.bottom}` : `M${box.left} ${at}H${box.right}`;
        shape(lines, "path", { class: "mark", d });
        const late = mark.axis === "x" && +at > (box.left + box.right) / 2;
        const words = mark.axis === "x" ? { x: +at + (late ? -4 : 4), y: box.top + 12 } : { x: box.left + 4, y: at - 4 };
        if (late) words["text-anchor"] = "end";
        shape(lines, "text", { class: "mark-text", ...words }, mark.text);
      }
    }

    drawSeries(parent, series) {
      const places = series.x.map((x, index) =>
        x === null || series.y[index] === null
          ? null
          : [this.place("x", x), this.shown(series, this.place("y", series.y[index]))]
      );
      if (series.style === "line") {
        const d = places.filter(Boolean).map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
        if (d) shape(parent, "path", { class: "line", d: `M${d}` });
      }
      places.forEach((place, index) => {
        if (!place) return;
        const [x, y] = place;
        const key = series.key && series.key[index];
        const style = this.chosen.has(key) ? "chosen" : series.style;
        for (const [name, errors] of [["bar", series.e], ["inner", series.inner]]) {
          const error = errors && errors[index];
          if (!error) continue;
          const ends = [-error, error].map((each) => this.place("y", series.y[index] + each).toFixed(1));
          shape(parent, "path", { class: `${name} ${style}`, d: `M${x.toFixed(1)} ${ends[0]}V${ends[1]}` });
        }
        const element = shape(parent, "path", { class: `point ${style}`, d: POINTS[style](x, y) });
        if (key) element.dataset.key = key;
        this.points.push({ x, y, key, series, index, element });
      });
    }

    drawLegend(svg, box) {
      if (this.spec.series.length < 2) return;
      const y = MARGIN.top + 4;
      let x = box.left + 6;
      for (const series of this.spec.series) {
        shape(svg, "path", { class: `point ${series.style}`, d: POINTS[series.style](x, y - 4) });
        shape(svg, "text", { x: x + 9, y }, series.name);
        x += 30 + DIGIT_PX * series.name.length;
      }
    }

    nearest(event) {
      return nearest(this.points, event, this.canvas, REACH_PX);
    }

    hover(point) {
      if (point === this.hovered) return;
      this.hovered = point;
      this.tip.hidden = !point;
      light(page(this.figure), point && point.key);
      if (!point) return;
      const { series, index } = point;
      const numbers = `${this.spec.x}: ${series.x[index]}\n${this.spec.y}: ${series.y[index]}`;
      const star = point.key ? `star ${point.key}\n` : "";
      this.tip.textContent = (series.label && series.label[index]) || star + numbers;
      const room = this.canvas.offsetWidth - this.tip.offsetWidth;
      this.tip.style.left = `${Math.max(0, Math.min(point.x + 14, room))}px`;
      this.tip.style.top = `${this.canvas.offsetTop + point.y + 14}px`;
    }

    click(event) {
      const point = this.nearest(event);
      if (!point) return;
      const href = point.series.href && point.series.href[point.index];
      if (this.spec.reject && !event.shiftKey) {
        this.figure.dispatchEvent(new CustomEvent("reject", { bubbles: true, detail: point.key }));
      } else if (href) {
        location.href = href;
      } else if (point.key) {
        const row = all("tr[data-key]", page(this.figure)).find((each) => each.dataset.key === point.key);
        row?.scrollIntoView({ block: "center" });
      }
    }

    zoom(factor, x, y) {
      for (const [axis, place] of [["x", x], ["y", y]]) {
        const at = this.value(axis, place);
        this.range[axis] = this.range[axis].map((each) => at + (each - at) * factor);
      }
      this.draw();
    }

    zoomMiddle(factor) {
      const { left, right, top, bottom } = this.box;
      this.zoom(factor, (left + right) / 2, (top + bottom) / 2);
    }

    pan(dx, dy) {
      for (const [axis, by] of [["x", dx], ["y", dy]]) {
        const shift = this.value(axis, 0) - this.value(axis, by);
        this.range[axis] = this.range[axis].map((each) => each + shift);
      }
      this.draw();
    }

    listen() {
      const { canvas } = this;
      const drag = (dx, dy) => {
        this.hover(null);
        this.pan(dx, dy);
      };
      onPointer(canvas, {
        drag: this.spec.large && drag,
        hover: (event) => this.hover(this.nearest(event)),
        click: (event) => this.click(event),
      });
      canvas.addEventListener("pointerleave", () => this.hover(null));
      if (this.spec.large) this.addZoom();
    }

    addZoom() {
      const { canvas } = this;
      const actions = {
        "+": () => this.zoomMiddle(0.7),
        "-": () => this.zoomMiddle(1 / 0.7),
        0: () => {
          this.reset();
          this.draw();
        },
      };
      const closer = (factor, event) => {
        const { left, top } = canvas.getBoundingClientRect();
        this.zoom(1 / factor, event.clientX - left, event.clientY - top);
      };
      onWheel(canvas, closer, (event) => event.ctrlKey);
      canvas.addEventListener("dblclick", actions[0]);
      canvas.tabIndex = 0;
      canvas.addEventListener("keydown", (event) => {
        const action = actions[event.key];
        if (!action) return;
        event.preventDefault();
        action();
      });
      const buttons = document.createElement("div");
      buttons.className = "buttons";
      for (const [sign, word, name] of [["+", "+", "zoom in"], ["-", "−", "zoom out"], ["0", "all", "show all"]]) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = word;
        button.title = `${name} (key ${word === "all" ? 0 : word})`;
        button.setAttribute("aria-label", name);
        button.addEventListener("click", actions[sign]);
        buttons.append(button, " ");
      }
      this.figure.append(buttons);
    }
  }

  function light(root, key) {
    for (const each of all(".lit", root)) each.classList.remove("lit");
    if (!key) return;
    for (const each of all("[data-key]", root)) {
      if (each.dataset.key === key) each.classList.add("lit");
    }
  }

  // -- rejection of points

  function quoted(word) {
    return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
  }

  function makeRejectable(root, plots) {
    const { slug, reason, chosen, others } = JSON.parse(root.dataset.rejections);
    const reasons = new Map(Object.entries(chosen));
    const before = JSON.stringify([...reasons.keys()].sort());
    const memory = `rejections ${location.pathname} ${slug}`;
    recall();
    const panel = root.querySelector(".rejections");
    const allowed = new Set(all("tr[data-key]", root)
      .filter((row) => row.querySelector(".reject"))
      .map((row) => row.dataset.key));

    // what was chosen survives a reload, until the directory itself has it
    function recall() {
      const kept = JSON.parse(localStorage.getItem(memory) || "null");
      if (!kept || kept.before !== before) return localStorage.removeItem(memory);
      reasons.clear();
      for (const [frame, why] of kept.reasons) reasons.set(frame, why);
    }

    function remember() {
      const now = JSON.stringify([...reasons.keys()].sort());
      if (now === before) localStorage.removeItem(memory);
      else localStorage.setItem(memory, JSON.stringify({ before, reasons: [...reasons] }));
    }

    function text() {
      const mine = [...reasons].map(([frame, why]) => [slug, frame, ...why.split(" ")].map(quoted).join(" "));
      return [...others, ...mine].map((line) => `${line}\n`).join("");
    }

    function show() {
      for (const plot of plots) {
        plot.chosen = new Set(reasons.keys());
        plot.draw();
      }
      for (const row of all("tr[data-key]", root)) {
        const is = reasons.has(row.dataset.key);
        row.classList.toggle("chosen", is);
        const button = row.querySelector(".reject");
        if (!button) continue;
        button.setAttribute("aria-pressed", is);
        button.textContent = is ? "restore" : "reject";
      }
      if (!panel) return;
      const changed = JSON.stringify([...reasons.keys()].sort()) !== before;
      panel.hidden = !changed && !reasons.size;
      document.body.classList.toggle("has-panel", !panel.hidden);
      panel.querySelector(".count").textContent =
        `${reasons.size} ${reasons.size === 1 ? "measurement" : "measurements"} rejected${changed ? ", not saved yet" : ""}.`;
      panel.querySelector("textarea").value = text();
      panel.querySelector("a").href = `data:text/plain;charset=utf-8,${encodeURIComponent(text())}`;
    }

    function toggle(frame) {
      if (!allowed.has(frame)) return;
      if (!reasons.delete(frame)) reasons.set(frame, reason);
      remember();
      show();
      apply();
    }

    // served by diagnostics.py -serve: what is chosen is distilled at once
    async function apply() {
      const base = document.documentElement.dataset.serve;
      if (!base) return;
      const count = panel.querySelector(".count");
      count.textContent = "Measuring again …";
      const answer = await fetch(`${base}reject`, { method: "POST", body: text() });
      if (answer.ok) location.reload();
      else count.textContent = (await answer.json().catch(() => ({}))).error || "It could not be applied.";
    }

    root.addEventListener("reject", (event) => toggle(event.detail));
    root.addEventListener("click", (event) => {
      if (event.target.closest(".reject")) toggle(event.target.closest("tr").dataset.key);
    });
    panel?.querySelector(".copy").addEventListener("click", async (event) => {
      const area = panel.querySelector("textarea");
      area.select();
      const done = await navigator.clipboard?.writeText(area.value).then(() => true, () => false);
      event.target.textContent = done || document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    });
    show();
  }

  // -- frames to look into: a canvas below what is drawn over the image

  const DEGREE = Math.PI / 180;
  const BLINK_MS = 100;
  const LARGEST_ZOOM = 40;

  function toSky({ at, ra, dec, cd }, x, y) {
    const [dx, dy] = [x - at[0], y - at[1]];
    const east = (cd[0] * dx + cd[1] * dy) * DEGREE;
    const north = (cd[2] * dx + cd[3] * dy) * DEGREE;
    const below = Math.cos(dec * DEGREE) - north * Math.sin(dec * DEGREE);
    const a = Math.atan2(east, below);
    const d = Math.atan((Math.cos(a) * (Math.sin(dec * DEGREE) + north * Math.cos(dec * DEGREE))) / below);
    return [(((ra + a / DEGREE) % 360) + 360) % 360, d / DEGREE];
  }

  function toPixel({ at, ra, dec, cd }, [raAt, decAt]) {
    const [a, d0, d] = [(raAt - ra) * DEGREE, dec * DEGREE, decAt * DEGREE];
    const below = Math.sin(d0) * Math.sin(d) + Math.cos(d0) * Math.cos(d) * Math.cos(a);
    const east = (Math.cos(d) * Math.sin(a)) / below / DEGREE;
    const north = (Math.cos(d0) * Math.sin(d) - Math.sin(d0) * Math.cos(d) * Math.cos(a)) / below / DEGREE;
    const determinant = cd[0] * cd[3] - cd[1] * cd[2];
    return [at[0] + (cd[3] * east - cd[1] * north) / determinant, at[1] + (cd[0] * north - cd[2] * east) / determinant];
  }

  function sexagesimal(value, decimals) {
    const unit = 3600 * 10 ** decimals;
    const whole = Math.round(Math.abs(value) * unit);
    const seconds = ((whole % (60 * 10 ** decimals)) / 10 ** decimals).toFixed(decimals).padStart(decimals + 3, "0");
    const minutes = String(Math.floor(whole / (60 * 10 ** decimals)) % 60).padStart(2, "0");
    return `${String(Math.floor(whole / unit)).padStart(2, "0")}:${minutes}:${seconds}`;
  }

  class FrameViewer {
    constructor(box) {
      this.box = box;
      this.svg = box.querySelector("svg.over");
      this.slug = box.dataset.frame;
      this.shown = this.slug;
      this.load(this.slug).then((frame) => frame && this.start(frame));
    }

    // the list of all frames is a script of its own: pages need not be written again for its sake
    get slugs() {
      return window.ppListed || [this.slug];
    }

    // a script beside the page brings the frame; each is loaded once
    load(slug) {
      return loadFrame(slug, this.box.dataset.script.replace(/[^/]*$/, `${encodeURIComponent(slug)}.js`));
    }

    start(frame) {
      this.frame = frame;
      this.font = parseFloat(this.svg.getAttribute("font-size"));
      this.canvas = document.createElement("canvas");
      this.canvas.tabIndex = 0;
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", this.box.querySelector("img").alt);
      this.svg.before(this.canvas);
      this.box.classList.add("has-canvas");
      this.addControls();
      const pixels = document.createElement("canvas");
      [pixels.width, pixels.height] = [frame.picture.naturalWidth, frame.picture.naturalHeight];
      const context = pixels.getContext("2d", { willReadFrequently: true });
      context.drawImage(frame.picture, 0, 0);
      this.pixels = context;
      this.whole();
      this.recall();
      this.draw(); // the observer draws with the next picture of the screen alone
      this.listen();
      new ResizeObserver(() => this.draw()).observe(this.box);
    }

    addControls() {
      const caption = this.box.parentElement.querySelector("figcaption");
      for (const hint of all(".hint", caption)) hint.hidden = false;
      const label = document.createElement("label");
      this.slider = document.createElement("input");
      Object.assign(this.slider, { type: "range", min: -2, max: 3, step: 0.1, value: 0, className: "stretch" });
      label.append("brightness ", this.slider);
      this.align = document.createElement("input");
      this.align.type = "checkbox";
      const onTarget = document.createElement("label");
      onTarget.append(this.align, " blink aligned on the target");
      caption.append(label, ...(this.frame.target ? [onTarget] : []));
      this.readout = document.createElement("div");
      this.readout.className = "readout soft";
      caption.after(this.readout);
      this.slider.addEventListener("input", () => this.draw());
    }

    // what is seen: its middle in pixels of the frame (y down), and canvas pixels per pixel
    whole() {
      this.view = { x: this.frame.width / 2, y: this.frame.height / 2, zoom: 1 };
    }

    recall() {
      const kept = JSON.parse(sessionStorage.getItem("viewer") || "null");
      if (!kept) return;
      this.slider.value = kept.stretch;
      if (kept.sky && this.frame.sky && kept.zoom > 1) {
        const [x, y] = toPixel(this.frame.sky, kept.sky);
        this.view = { x: x - 0.5, y: this.frame.height - y + 0.5, zoom: kept.zoom };
      }
    }

    remember() {
      const { x, y, zoom } = this.view;
      const sky = this.frame.sky && toSky(this.frame.sky, x + 0.5, this.frame.height - y + 0.5);
      sessionStorage.setItem("viewer", JSON.stringify({ sky, zoom, stretch: this.slider.value }));
    }

    draw() {
      const { frame, canvas, view } = this;
      const wide = this.box.clientWidth;
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round((canvas.width * frame.height) / frame.width);
      const scale = (canvas.width / frame.width) * view.zoom;
      const context = canvas.getContext("2d");
      context.fillStyle = "#000";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.filter = `brightness(${2 ** this.slider.value})`;
      context.imageSmoothingEnabled = scale < 3;
      const [left, top] = [view.x - canvas.width / scale / 2, view.y - canvas.height / scale / 2];
      context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
      const shown = window.ppFrames[this.shown] || frame;
      const [a, b, c, d, e, f] = this.aligned(shown);
      context.transform(a, b, c, d, e, f);
      context.drawImage(shown.picture, 0, 0, shown.width, shown.height);
      const [width, height] = [canvas.width / scale, canvas.height / scale];
      this.svg.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
      this.svg.setAttribute("font-size", (this.font * width) / frame.width);
      this.remember();
    }

    // from pixels of another frame (y down) to those of this one
    aligned(other) {
      const { frame } = this;
      if (other === frame) return [1, 0, 0, 1, 0, 0];
      if (this.align.checked && frame.target && other.target) {
        const [dx, dy] = [frame.target[0] - other.target[0], frame.target[1] - other.target[1]];
        return [1, 0, 0, 1, dx, frame.height - other.height - dy];
      }
      if (!frame.sky || !other.sky) return [1, 0, 0, 1, 0, 0];
      const at = (x, y) => {
        const [px, py] = toPixel(frame.sky, toSky(other.sky, x + 0.5, other.height - y + 0.5));
        return [px - 0.5, frame.height - py + 0.5];
      };
      const [o, p, q] = [at(0, 0), at(other.width, 0), at(0, other.height)];
      return [(p[0] - o[0]) / other.width, (p[1] - o[1]) / other.width, (q[0] - o[0]) / other.height, (q[1] - o[1]) / other.height, o[0], o[1]];
    }

    // place of the pointer in pixels of the frame, y down
    place(event) {
      const { left, top, width } = this.canvas.getBoundingClientRect();
      const scale = (width / this.frame.width) * this.view.zoom;
      const middle = [width / 2, (width * this.frame.height) / this.frame.width / 2];
      return [this.view.x + (event.clientX - left - middle[0]) / scale, this.view.y + (event.clientY - top - middle[1]) / scale, scale];
    }

    tell(event) {
      const { frame } = this;
      const [x, y] = this.place(event);
      if (x < 0 || y < 0 || x >= frame.width || y >= frame.height) return (this.readout.textContent = "");
      const part = frame.picture.naturalWidth / frame.width;
      const [grey] = this.pixels.getImageData(Math.floor(x * part), Math.floor(y * part), 1, 1).data;
      const full = Math.asinh((frame.white - frame.black) / frame.unit);
      const counts = frame.black + frame.unit * Math.sinh((grey / 255) * full);
      const words = [`x ${(x + 0.5).toFixed(1)}, y ${(frame.height - y + 0.5).toFixed(1)}`];
      if (frame.sky) {
        const [ra, dec] = toSky(frame.sky, x + 0.5, frame.height - y + 0.5);
        words.push(`RA ${sexagesimal(ra / 15, 2)}`, `Dec ${dec < 0 ? "−" : "+"}${sexagesimal(dec, 1)}`);
      }
      words.push(`about ${counts.toFixed(0)} ADU`);
      this.readout.textContent = words.join(" · ");
    }

    zoom(factor, x, y) {
      this.view = zoomed(this.view, factor, [x, y], 1, LARGEST_ZOOM);
      if (this.view.zoom === 1) this.whole();
      this.draw();
    }

    pick(event) {
      const [x, y, scale] = this.place(event);
      let [best, least] = [null, 14 / scale];
      for (const star of all("g[data-key]", this.svg)) {
        const circle = star.querySelector("circle");
        const apart = Math.hypot(circle.getAttribute("cx") - x, circle.getAttribute("cy") - y);
        if (apart < Math.max(least, +circle.getAttribute("r")) && (!best || apart < least)) [best, least] = [star, apart];
      }
      if (!best) return;
      light(page(this.box), best.dataset.key);
      const row = all("tr[data-key]", page(this.box)).find((each) => each.dataset.key === best.dataset.key);
      row?.scrollIntoView({ block: "center" });
    }

    async blink() {
      if (this.timer) return this.still();
      this.timer = -1;
      await Promise.all(this.slugs.map((slug) => this.load(slug)));
      let number = this.slugs.indexOf(this.slug);
      this.timer = setInterval(() => {
        number = (number + 1) % this.slugs.length;
        this.shown = this.slugs[number];
        this.draw();
      }, BLINK_MS);
    }

    still() {
      clearInterval(this.timer);
      this.timer = 0;
      this.shown = this.slug;
      this.draw();
    }

    listen() {
      const { canvas } = this;
      const closer = (factor, event) => this.zoom(factor, ...this.place(event).slice(0, 2));
      onWheel(canvas, closer);
      onPointer(canvas, {
        drag: (dx, dy, event) => {
          const [, , scale] = this.place(event);
          this.view.x -= dx / scale;
          this.view.y -= dy / scale;
          this.draw();
        },
        hover: (event) => this.tell(event),
        click: (event) => this.pick(event),
        pinch: closer,
      });
      canvas.addEventListener("dblclick", () => {
        this.whole();
        this.draw();
      });
      document.addEventListener("keydown", (event) => {
        if (event.key !== " " || event.target.closest("button, input, a, summary, textarea, .plot")) return;
        event.preventDefault();
        this.blink();
      });
    }
  }

  // -- a night that goes on: the page is loaded anew, unless measurements are being chosen on it

  function renew(seconds) {
    const isBusy = () => document.body.classList.contains("has-panel");
    setInterval(() => isBusy() || location.reload(), seconds * 1000);
  }

  function ago(seconds) {
    if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 120) return `${minutes} min`;
    const hours = Math.round(minutes / 60);
    return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
  }

  function keepTime(line) {
    const show = () => (line.querySelector(".ago").textContent = ago(Date.now() / 1000 - line.dataset.newest));
    show();
    setInterval(show, 1000);
  }

  // -- from one frame to the stack: images below each other, the stack itself on top

  function slide(stack) {
    const steps = JSON.parse(stack.dataset.steps);
    const line = stack.querySelector(".slide");
    if (!line) return;
    const slider = line.querySelector("input");
    const show = () => {
      const at = Number(slider.value);
      const words = at < steps.length
        ? `${steps[at]} of ${stack.dataset.frames} ${stack.dataset.frames === "1" ? "frame" : "frames"}`
        : "the stack";
      line.querySelector("output").textContent = words;
      slider.setAttribute("aria-valuetext", words);
      for (const strip of all(".slides", stack)) strip.style.setProperty("--shown", at < steps.length ? at + 1 : 0);
    };
    line.hidden = false;
    slider.addEventListener("input", show);
    show();
  }

  // -- from frame to frame: the same part of the page stays in view

  document.addEventListener("DOMContentLoaded", () => { // when the list of frames is there
    for (const total of window.ppListed ? all(".total") : []) total.textContent = ` of ${window.ppListed.length}`;
  });
  for (const link of all("a[rel=prev], a[rel=next]")) {
    link.addEventListener("click", () => sessionStorage.setItem("scroll", scrollY));
  }
  const scrolled = sessionStorage.getItem("scroll");
  sessionStorage.removeItem("scroll");
  if (scrolled && document.querySelector("a[rel=prev], a[rel=next]")) {
    addEventListener("load", () => requestAnimationFrame(() => scrollTo(0, Number(scrolled))));
  }

  // -- served by diagnostics.py -serve: a target can be marked by hand

  if (document.documentElement.dataset.serve) {
    const link = document.createElement("a");
    link.href = `${document.documentElement.dataset.serve}mark.html`;
    link.textContent = "Mark a target";
    document.querySelector("nav.top")?.append(link);
  }

  // -- start

  for (const stack of all(".stack[data-steps]")) slide(stack);

  for (const line of all(".live[data-newest]")) keepTime(line);

  const reload = document.querySelector("meta[name=reload]");
  if (reload) renew(Number(reload.content));

  if (document.documentElement.classList.contains("single")) {
    addEventListener("hashchange", route);
    route();
  }
  for (const table of all("table.sortable")) makeSortable(table);
  for (const box of all("input[data-layer]")) {
    const memory = `layer ${box.dataset.layer}`;
    const kept = box.closest("figure") && sessionStorage.getItem(memory);
    if (kept) box.checked = kept === "on";
    box.addEventListener("change", () => {
      applyLayer(box);
      sessionStorage.setItem(memory, box.checked ? "on" : "off");
    });
    applyLayer(box);
  }
  for (const box of all(".viewer[data-script]")) new FrameViewer(box);
  const plots = new Map(all(".plot[data-plot]").map((figure) => [figure, new Plot(figure)]));
  for (const root of all("[data-rejections]")) {
    makeRejectable(root, [...plots].filter(([figure]) => root.contains(figure)).map(([, plot]) => plot));
  }
  const paper = (on) => () => {
    document.documentElement.classList.toggle("printing", on);
    for (const plot of plots.values()) plot.draw();
  };
  addEventListener("beforeprint", paper(true));
  addEventListener("afterprint", paper(false));
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerover", (event) => {
    const lit = event.target.closest("tr[data-key], g[data-key]");
    if (lit) light(page(lit), lit.dataset.key);
  });
})();
