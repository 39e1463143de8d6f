// What the scripts of all pages share: SVG, axes, frames that scripts bring, the hand on a canvas.
"use strict";
const photpipe = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const TREMBLE_PX = 4; // a pointer that moves less was not meant to drag
  const CLOSER = 1.25; // each step of the wheel

  function shape(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent?.append(element);
    return element;
  }

  const drawing = (width, height) => shape(null, "svg", { viewBox: `0 0 ${width} ${height}` });

  function ticks(low, high, count) {
    const raw = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw);
    const decimals = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    const values = [];
    for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) {
      values.push([at, (Math.abs(at) < step / 2 ? 0 : at).toFixed(decimals)]);
    }
    return values;
  }

  // grid, numbers, frame and titles; box has the edges of the plot and the height of all
  function axes(svg, box, marks, place, titles) {
    for (const [at, text] of marks.x) {
      const x = place.x(at).toFixed(1);
      shape(svg, "path", { class: "grid", d: `M${x} ${box.top}V${box.bottom}` });
      shape(svg, "text", { x, y: box.bottom + 14, "text-anchor": "middle" }, text);
    }
    for (const [at, text] of marks.y) {
      const y = place.y(at).toFixed(1);
      shape(svg, "path", { class: "grid", d: `M${box.left} ${y}H${box.right}` });
      shape(svg, "text", { x: box.left - 6, y: +y + 4, "text-anchor": "end" }, text);
    }
    const size = { width: box.right - box.left, height: box.bottom - box.top };
    shape(svg, "rect", { class: "frame", x: box.left, y: box.top, ...size });
    const middle = (box.left + box.right) / 2;
    shape(svg, "text", { x: middle, y: box.height - 6, "text-anchor": "middle" }, titles.x);
    const turned = `translate(12 ${(box.top + box.bottom) / 2}) rotate(-90)`;
    shape(svg, "text", { transform: turned, "text-anchor": "middle" }, titles.y);
  }

  // the point within reach of the pointer; x and y of points are pixels of the element
  function nearest(points, event, element, reach) {
    const { left, top } = element.getBoundingClientRect();
    let [best, least] = [null, reach];
    for (const point of points) {
      const apart = Math.hypot(point.x - event.clientX + left, point.y - event.clientY + top);
      if (apart < least) [best, least] = [point, apart];
    }
    return best;
  }

  // a frame and its picture, which a script brings; each once, null if there is none
  async function loadFrame(slug, source) {
    const frames = (window.ppFrames ||= {});
    if (!frames[slug]) {
      const script = document.createElement("script");
      script.src = source;
      const done = new Promise((resolve) => (script.onload = script.onerror = resolve));
      document.head.append(script);
      await done;
    }
    const frame = frames[slug];
    if (!frame) return null;
    if (!frame.picture) {
      frame.picture = new Image();
      frame.picture.src = frame.image;
    }
    await frame.picture.decode();
    return frame;
  }

  // a view is its middle and its zoom; what is at x, y stays there
  function zoomed(view, factor, [x, y], least, most) {
    const zoom = Math.min(most, Math.max(least, view.zoom * factor));
    const part = view.zoom / zoom;
    return { x: x + (view.x - x) * part, y: y + (view.y - y) * part, zoom };
  }

  function onWheel(element, zoom, isMeant = () => true) {
    element.addEventListener("wheel", (event) => {
      if (!isMeant(event)) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? CLOSER : 1 / CLOSER, event);
    }, { passive: false });
  }

  // drag(dx, dy, event) while the pointer is held and moves, else hover(event); click(event);
  // pinch(factor, event) while two fingers move apart or together
  function onPointer(element, { drag, hover = () => {}, click, pinch }) {
    const fingers = new Map();
    let start = null;
    let moved = false;
    const apart = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    element.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") fingers.set(event.pointerId, event);
      start = [event.clientX, event.clientY];
      moved = fingers.size > 1;
    });
    element.addEventListener("pointermove", (event) => {
      if (pinch && fingers.size === 2 && fingers.has(event.pointerId)) {
        const before = apart([...fingers.values()]);
        fingers.set(event.pointerId, event);
        return pinch(apart([...fingers.values()]) / (before || 1), event);
      }
      const by = start && [event.clientX - start[0], event.clientY - start[1]];
      if (!drag || !by || !(moved || Math.hypot(...by) > TREMBLE_PX)) return hover(event);
      if (!moved) element.setPointerCapture(event.pointerId);
      moved = true;
      start = [event.clientX, event.clientY];
      drag(...by, event);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      element.addEventListener(name, (event) => {
        fingers.delete(event.pointerId);
        start = null;
      });
    }
    element.addEventListener("click", (event) => moved || click(event));
  }

  return { shape, drawing, ticks, axes, nearest, loadFrame, zoomed, onWheel, onPointer };
})();

