// Marking a target on frames, as pp_manident does; served by diagnostics.py -serve alone.
"use strict";
(() => {
  const { loadFrame, zoomed, onWheel, onPointer } = photpipe;
  const base = document.documentElement.dataset.serve;
  const find = (selector) => document.querySelector(selector);
  const canvas = find(".marking canvas");
  const SNAP_PX = 5;
  const LEAST_ON_SCREEN_PX = 6;
  const CIRCLE_PX = 5;
  const LEAST_ZOOM = 0.2;
  const LARGEST_ZOOM = 32;
  let frames = [];
  let state = { places: [], marked: [] };
  let number = 0;
  let view = null; // middle in FITS pixels, and zoom: 1 shows the whole frame
  let remark = "";

  async function ask(name, body) {
    const answer = await fetch(`${base}${name}`, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error || "The server does not answer any more.");
    return told;
  }

  async function change(body) {
    try {
      state = await ask("mark", body);
      remark = "";
    } catch (error) {
      remark = error.message;
    }
    draw();
  }

  const load = ({ slug }) => loadFrame(slug, `${base}.diagnostics/images/${encodeURIComponent(slug)}.js`);

  const scale = () => (canvas.width / frames[number].width) * view.zoom; // canvas pixels per pixel
  const corner = () => [view.x - canvas.width / scale() / 2, view.y + canvas.height / scale() / 2];

  function toScreen([x, y]) {
    const [left, top] = corner();
    return [(x - left) * scale(), (top - y) * scale()];
  }

  function toFrame(event) {
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const [left, top] = corner();
    return [left + ((event.clientX - box.left) * ratio) / scale(), top - ((event.clientY - box.top) * ratio) / scale()];
  }

  function circle(context, place, colour, width) {
    const [x, y] = toScreen(place);
    if (x < 0 || y < 0 || x > canvas.width || y > canvas.height) return;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, Math.max(LEAST_ON_SCREEN_PX, CIRCLE_PX * scale()) * (width > 1 ? 1.4 : 1), 0, 2 * Math.PI);
    context.stroke();
  }

  function advice() {
    const count = state.marked.filter(Boolean).length;
    const of = `${count} frames are marked.`;
    const place = state.places[number];
    const frame = frames[number];
    if (remark) return remark;
    if (count === 0) return "Click on the target.";
    if (count === 1) return state.marked[number] ? "One frame is marked. Go to another one and click there." : "One frame is marked. Click on the target here, too, or on any other frame.";
    if (state.marked[number]) return `${of} Browse: yellow is where the target should be.`;
    if (place && (place[0] < 0.5 || place[1] < 0.5 || place[0] > frame.width + 0.5 || place[1] > frame.height + 0.5)) return `${of} The target should lie outside of this frame.`;
    return `${of} If yellow is wrong, click on the target; then measure it.`;
  }

  async function draw() {
    const frame = frames[number];
    const shown = number;
    const loaded = await load(frame);
    if (shown !== number) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(canvas.parentElement.clientWidth * ratio);
    canvas.height = Math.round(Math.min((canvas.width * frame.height) / frame.width, innerHeight * 0.72 * ratio));
    view ||= { x: (frame.width + 1) / 2, y: (frame.height + 1) / 2, zoom: Math.min(1, (canvas.height * frame.width) / (canvas.width * frame.height)) };
    const context = canvas.getContext("2d");
    context.fillStyle = "#222";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (loaded) {
      context.filter = `brightness(${2 ** find(".stretch").value})`;
      context.imageSmoothingEnabled = scale() < 3;
      const [x, y] = toScreen([0.5, frame.height + 0.5]);
      context.drawImage(loaded.picture, x, y, frame.width * scale(), frame.height * scale());
      context.filter = "none";
    }
    for (const source of frame.sources) circle(context, source, "#00e000", 1);
    if (state.places[number]) circle(context, state.places[number], state.marked[number] ? "#ff3030" : "#ffff00", 2);
    find(".marking-advice").textContent = advice();
    find(".marking-frame").textContent = `${number + 1}/${frames.length} · ${frame.name} · JD ${frame.jd.toFixed(6)}${frame.registered ? "" : " · not registered"}${loaded ? "" : " · no image: the setting viewer_px is 0"}`;
  }

  function show(next) {
    number = (next + frames.length) % frames.length;
    remark = "";
    draw();
    load(frames[(number + 1) % frames.length]);
  }

  function mark(event) {
    const [x, y] = toFrame(event);
    const reach = event.shiftKey ? 0 : Math.min(50, Math.max(SNAP_PX, LEAST_ON_SCREEN_PX / scale()));
    change({ do: "mark", number, x, y, reach });
  }

  function zoom(factor, place) {
    view = zoomed(view, factor, place, LEAST_ZOOM, LARGEST_ZOOM);
    draw();
  }

  async function measure() {
    find(".marking-advice").textContent = "Measuring …";
    try {
      await ask("measure", {});
      location.href = `${base}diagnostics.html`;
    } catch (error) {
      remark = error.message;
      draw();
    }
  }

  const deeds = {
    previous: () => show(number - 1),
    next: () => show(number + 1),
    undo: () => change({ do: "undo" }),
    remove: () => change({ do: "remove", number }),
    centre: () => {
      const place = state.places[number];
      if (place) view = { ...view, x: place[0], y: place[1] };
      draw();
    },
    measure,
  };
  const KEYS = { a: "previous", d: "next", u: "undo", x: "remove", c: "centre" };

  function listen() {
    const closer = (factor, event) => zoom(factor, toFrame(event));
    onWheel(canvas, closer);
    onPointer(canvas, {
      drag: (dx, dy) => {
        const ratio = canvas.width / canvas.getBoundingClientRect().width / scale();
        view = { ...view, x: view.x - dx * ratio, y: view.y + dy * ratio };
        draw();
      },
      click: mark,
      pinch: closer,
    });
    canvas.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      deeds.next();
    });
    find(".stretch").addEventListener("input", draw);
    for (const button of document.querySelectorAll("[data-do]")) button.addEventListener("click", () => deeds[button.dataset.do]());
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const deed = KEYS[event.key.toLowerCase()];
      if (deed) deeds[deed]();
      if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 1.25 : 0.8, [view.x, view.y]);
    });
    new ResizeObserver(() => draw()).observe(canvas.parentElement);
  }

  ask("marks").then((told) => {
    frames = told.frames;
    state = told;
    listen();
    draw();
  }).catch((error) => (find(".marking-advice").textContent = error.message));
})();
