// The page of a period search: a period is dragged, the light curve is folded with it at once.
"use strict";
(() => {
  const { shape, drawing, ticks, axes, nearest } = photpipe;
  const root = document.querySelector("[data-period]");
  if (!root) return;
  const data = JSON.parse(root.dataset.period);
  const COLOURS = ["blue", "red", "green", "purple", "orange", "sky"];
  const FINE = 0.02; // of the period, to each side of the fine slider
  const HOURS_PER_DAY = 24;
  const REACH_PX = 16; // a point nearer to the pointer is meant
  const MARKS = ["M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z", "M-3.5 -3.5h7v7h-7z", "M-5 0l5 -5 5 5 -5 5z", "M-4.5 3.5h9l-4.5 -8z", "M-4.5 -3.5h9l-4.5 8z"];
  const find = (selector) => root.querySelector(selector);
  const hidden = new Set();
  let period = data.period;
  let middle = data.period; // of the fine slider

  // -- the series: harmonics and a zero level for each session, weighted least squares

  function solved(matrix, right) {
    const n = right.length;
    for (let i = 0; i < n; i++) matrix[i][i] *= 1 + 1e-9;
    for (let column = 0; column < n; column++) {
      let best = column;
      for (let row = column + 1; row < n; row++) if (Math.abs(matrix[row][column]) > Math.abs(matrix[best][column])) best = row;
      [matrix[column], matrix[best]] = [matrix[best], matrix[column]];
      [right[column], right[best]] = [right[best], right[column]];
      const pivot = matrix[column][column] || 1e-30;
      for (let row = column + 1; row < n; row++) {
        const factor = matrix[row][column] / pivot;
        if (!factor) continue;
        for (let k = column; k < n; k++) matrix[row][k] -= factor * matrix[column][k];
        right[row] -= factor * right[column];
      }
    }
    for (let row = n - 1; row >= 0; row--) {
      for (let k = row + 1; k < n; k++) right[row] -= matrix[row][k] * right[k];
      right[row] /= matrix[row][row] || 1e-30;
    }
    return right;
  }

  // a longer period has as many more harmonics, so that twice the best period fits as well as that
  const MOST_HARMONICS = 8;
  const orderFor = (hours) => Math.min(MOST_HARMONICS, Math.max(2, Math.round((data.order * hours) / data.period)));

  function harmonics(phase, order) {
    const values = [];
    for (let k = 1; k <= order; k++) values.push(Math.cos(2 * Math.PI * k * phase), Math.sin(2 * Math.PI * k * phase));
    return values;
  }

  function fitted(hours) {
    const order = orderFor(hours);
    const count = 2 * order;
    const size = count + data.sessions.length;
    const matrix = Array.from({ length: size }, () => new Array(size).fill(0));
    const right = new Array(size).fill(0);
    const phases = data.t.map((t) => (((t / hours) % 1) + 1) % 1);
    data.t.forEach((_, index) => {
      const row = harmonics(phases[index], order);
      const weight = 1 / data.s[index] ** 2;
      const level = count + data.session[index];
      for (let i = 0; i < count; i++) {
        for (let j = i; j < count; j++) matrix[i][j] += weight * row[i] * row[j];
        matrix[i][level] += weight * row[i];
        right[i] += weight * row[i] * data.m[index];
      }
      matrix[level][level] += weight;
      right[level] += weight * data.m[index];
    });
    for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) matrix[i][j] = matrix[j][i];
    const solution = solved(matrix, right);
    const curve = (phase) => harmonics(phase, order).reduce((sum, value, i) => sum + value * solution[i], 0);
    const levels = solution.slice(count);
    const rest = data.m.map((m, i) => m - levels[data.session[i]] - curve(phases[i]));
    const chi2 = rest.reduce((sum, each, i) => sum + (each / data.s[i]) ** 2, 0);
    const rms = Math.sqrt(rest.reduce((sum, each) => sum + each ** 2, 0) / rest.length);
    return { phases, curve, levels, chi2, rms };
  }

  function extrema(curve) {
    const values = Array.from({ length: 720 }, (_, i) => curve(i / 720));
    const at = (i) => values[(i + 720) % 720];
    let maxima = 0;
    values.forEach((value, i) => (maxima += value < at(i - 1) && value <= at(i + 1))); // bright is small
    return { maxima, minima: values.filter((value, i) => value > at(i - 1) && value >= at(i + 1)).length, range: Math.max(...values) - Math.min(...values) };
  }

  // -- places that matter: the periods found, simple ratios, aliases of the days

  function marks() {
    const best = data.period;
    const found = data.candidates.map((hours, i) => ({ hours: i ? hours : best, kind: "found", text: i ? `no. ${i + 1}` : "best" }));
    const ratios = [["P/2", 0.5], ["2P", 2], ["2P/3", 2 / 3], ["3P/2", 1.5]];
    const harmonic = ratios.map(([text, ratio]) => ({ hours: best * ratio, kind: "harmonic", text }));
    const alias = [];
    if (data.sessions.length > 1) {
      for (const [text, cycles] of [["−1/d", -1], ["−½/d", -0.5], ["+½/d", 0.5], ["+1/d", 1]]) {
        const frequency = HOURS_PER_DAY / best + cycles;
        if (frequency > 0) alias.push({ hours: HOURS_PER_DAY / frequency, kind: "alias", text });
      }
    }
    return [...found, ...harmonic, ...alias].filter(({ hours }) => hours >= data.low && hours <= data.high);
  }

  // -- drawing

  function canvas(name) {
    const box = find(name);
    const { width, height } = box.getBoundingClientRect();
    const svg = drawing(width, height);
    box.replaceChildren(svg);
    return { svg, left: 58, right: width - 12, top: 26, bottom: height - 40, width, height };
  }

  let points = [];

  function drawFolded(fit) {
    const box = canvas(".folded");
    const shown = data.t.map((_, i) => i).filter((i) => !hidden.has(data.session[i]));
    const mags = shown.map((i) => data.m[i] - fit.levels[data.session[i]]);
    const curve = Array.from({ length: 241 }, (_, i) => fit.curve(i / 240));
    const all = [...curve, ...mags];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const pad = 0.08 * (high - low) || 0.05;
    const place = {
      x: (phase) => box.left + phase * (box.right - box.left),
      y: (mag) => box.top + ((mag - low + pad) / (high - low + 2 * pad)) * (box.bottom - box.top),
    };
    const numbers = { x: ticks(0, 1, Math.max(2, box.width / 110)), y: ticks(low - pad, high + pad, 5) };
    axes(box.svg, box, numbers, place, { x: "rotation phase", y: "relative magnitude" });
    shape(box.svg, "path", { class: "model", d: `M${curve.map((mag, i) => `${place.x(i / 240).toFixed(1)} ${place.y(mag).toFixed(1)}`).join("L")}` });
    points = shown.map((i, index) => {
      const [x, y] = [place.x(fit.phases[i]), place.y(mags[index])];
      const colour = `var(--${COLOURS[data.session[i] % COLOURS.length]})`;
      const error = Math.abs(place.y(mags[index] + data.s[i]) - y);
      shape(box.svg, "path", { class: "bar", style: `stroke: ${colour}`, d: `M${x.toFixed(1)} ${(y - error).toFixed(1)}v${(2 * error).toFixed(1)}` });
      shape(box.svg, "path", { class: "dot", style: `fill: ${colour}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, d: MARKS[data.session[i] % MARKS.length] });
      return { x, y, i };
    });
  }

  let toPeriod = null;

  function drawSearch() {
    const box = canvas(".search");
    const [low, high] = [Math.log(data.low), Math.log(data.high)];
    const chi2 = data.scan.map(([, value]) => value);
    const [least, most] = [Math.min(...chi2), Math.max(...chi2)];
    const place = {
      x: (hours) => box.left + ((Math.log(hours) - low) / (high - low)) * (box.right - box.left),
      y: (value) => box.bottom - ((value - least) / (most - least || 1)) * (box.bottom - box.top),
    };
    const hours = [0.1, 0.2, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 96, 200, 500].filter((each) => each >= data.low && each <= data.high);
    const apart = hours.filter((each, i) => i === 0 || box.width > 600 || i % 2 === 0);
    const numbers = { x: apart.map((each) => [each, String(each)]), y: ticks(least, most, 4) };
    axes(box.svg, box, numbers, place, { x: "rotation period (h)", y: "χ² of the series" });
    shape(box.svg, "path", { class: "line", d: `M${data.scan.map(([at, value]) => `${place.x(at).toFixed(1)} ${place.y(value).toFixed(1)}`).join("L")}` });
    let last = [-1e9, -1e9];
    for (const mark of [...marks()].sort((a, b) => a.hours - b.hours)) {
      const x = place.x(mark.hours);
      shape(box.svg, "path", { class: `sign ${mark.kind}`, d: `M${x.toFixed(1)} ${box.top}V${box.bottom}` });
      const row = x - last[0] > 34 ? 0 : 1;
      if (x - last[row] < 34) continue; // no room for its name: the buttons have them all
      last[row] = x;
      shape(box.svg, "text", { class: `sign-text ${mark.kind}`, x, y: 10 + 12 * row, "text-anchor": "middle" }, mark.text);
    }
    const x = place.x(Math.min(data.high, Math.max(data.low, period))).toFixed(1);
    shape(box.svg, "path", { class: "cursor", d: `M${x} ${box.top}V${box.bottom}` });
    shape(box.svg, "path", { class: "handle", d: `M${x} ${box.bottom}l-7 10h14z` });
    toPeriod = (at) => Math.exp(low + Math.min(1, Math.max(0, (at - box.left) / (box.right - box.left))) * (high - low));
  }

  const plural = (count, one, more) => `${count} ${count === 1 ? one : more}`;

  function show() {
    if (!find(".folded").clientWidth) return; // not laid out yet
    const fit = fitted(period);
    const { maxima, minima, range } = extrema(fit.curve);
    drawFolded(fit);
    drawSearch();
    find(".hours").value = period.toFixed(5);
    find(".outcome-of-period").textContent =
      `${plural(maxima, "maximum", "maxima")} and ${plural(minima, "minimum", "minima")} per rotation · ` +
      `peak to peak ${range.toFixed(3)} mag · scatter ${fit.rms.toFixed(4)} mag · χ² ${(fit.chi2 / data.chi2).toFixed(2)} times that of the best`;
    for (const button of root.querySelectorAll(".jumps button")) {
      button.setAttribute("aria-pressed", Math.abs(button.dataset.hours / period - 1) < 1e-5);
    }
  }

  let waiting = 0;

  function choose(hours, { keepsMiddle = false } = {}) {
    if (!(hours > 0)) return;
    period = Math.min(data.high, Math.max(data.low, hours));
    if (!keepsMiddle) {
      middle = period;
      find(".fine").value = 0;
    }
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(show);
  }

  // -- what the hand does

  const pointAt = (event) => nearest(points, event, find(".folded"), REACH_PX);

  function tell(point) {
    const card = find(".of-point");
    if (!point) return;
    const { i } = point;
    card.replaceChildren();
    if (data.cut[i]) {
      const image = document.createElement("img");
      Object.assign(image, { src: data.cut[i], alt: `Cut-out of ${data.frame[i]}` });
      card.append(image);
    }
    const text = document.createElement("p");
    text.append(`${data.frame[i]} · ${data.time[i]} UTC · ${data.m[i].toFixed(3)} ± ${data.s[i].toFixed(3)} mag · session ${data.sessions[data.session[i]]} `);
    if (data.href[i]) {
      const link = document.createElement("a");
      Object.assign(link, { href: data.href[i], textContent: "page of the frame" });
      text.append(link);
    }
    card.append(text);
  }

  function addControls() {
    const jumps = find(".jumps");
    for (const mark of marks()) {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: mark.kind, textContent: `${mark.text}: ${mark.hours.toFixed(4)} h` });
      button.dataset.hours = mark.hours;
      button.addEventListener("click", () => choose(mark.hours));
      jumps.append(button, " ");
    }
    const legend = find(".sessions-legend");
    data.sessions.forEach((number, index) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", className: "session" });
      button.setAttribute("aria-pressed", "true");
      const svg = shape(button, "svg", { viewBox: "-6 -6 12 12", width: 12, height: 12, "aria-hidden": "true" });
      shape(svg, "path", { d: MARKS[index % MARKS.length], style: `fill: var(--${COLOURS[index % COLOURS.length]})` });
      button.append(` session ${number}`);
      button.addEventListener("click", () => {
        if (!hidden.delete(index)) hidden.add(index);
        button.setAttribute("aria-pressed", !hidden.has(index));
        show();
      });
      legend.append(button, " ");
    });
  }

  function listen() {
    const search = find(".search");
    const drag = (event) => {
      const { left } = search.getBoundingClientRect();
      choose(toPeriod(event.clientX - left));
    };
    let down = false;
    search.addEventListener("pointerdown", (event) => {
      down = true;
      search.setPointerCapture(event.pointerId);
      drag(event);
    });
    search.addEventListener("pointermove", (event) => down && drag(event));
    for (const name of ["pointerup", "pointercancel"]) search.addEventListener(name, () => (down = false));
    search.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1 };
      if (!steps[event.key]) return;
      event.preventDefault();
      choose(period * (1 + steps[event.key] * (event.shiftKey ? 1e-2 : 1e-4)));
    });
    find(".fine").addEventListener("input", (event) => choose(middle * (1 + FINE * event.target.value), { keepsMiddle: true }));
    find(".hours").addEventListener("change", (event) => choose(Number(event.target.value)));
    const folded = find(".folded");
    folded.addEventListener("pointermove", (event) => tell(pointAt(event)));
    folded.addEventListener("click", (event) => {
      const point = pointAt(event);
      tell(point);
      if (point && event.detail > 1 && data.href[point.i]) location.href = data.href[point.i];
    });
  }

  document.documentElement.classList.add("drags");
  addControls();
  listen();
  show();
  new ResizeObserver(() => show()).observe(root);
  for (const name of ["beforeprint", "afterprint"]) addEventListener(name, show);
})();
