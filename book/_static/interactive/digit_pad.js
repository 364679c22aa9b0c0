// The figure "Draw a digit": a drawing, what the model sees of it, and the model's ten answers.
//
// strokes → ink on a fine grid → 28 × 28 pixels in MNIST's form → logits → probabilities.
//
// The build calls `content` once, in Node.js, for what a page shows before scripts run or without
// them; in the browser `start` takes over from there.

explorers.define("digit-pad", () => {
  const SIDE = 28; // pixels in a line of what the model sees
  const BOX = 20; // pixels in a line of the box that MNIST's digits were fitted into
  const FINE = 5; // fine pixels of the pad in one of those
  const PAD = SIDE * FINE;
  const PEN = 6; // the pen's radius, in fine pixels: 2.4 pixels wide, as MNIST's strokes mostly are

  const range = (count) => Array.from({ length: count }, (_, i) => i);
  const sum = (numbers) => numbers.reduce((total, x) => total + x, 0);

  // --- from a drawing to ink ---

  /** Return the ink of a drawing, PAD × PAD from 0 (paper) to 255. */
  function inkOf({ strokes, pixels }) {
    const ink = new Uint8ClampedArray(PAD * PAD);
    if (pixels) {
      for (let i = 0; i < PAD; i++) {
        const line = SIDE * Math.floor(i / FINE);
        for (let j = 0; j < PAD; j++) ink[PAD * i + j] = pixels[line + Math.floor(j / FINE)];
      }
    }
    for (const stroke of strokes) {
      stroke.forEach((point, i) => addLine(ink, stroke[Math.max(i - 1, 0)], point));
    }
    return ink;
  }

  /** Ink all pixels whose centre is within the pen's radius of a line; the rim fades over one. */
  function addLine(ink, [x0, y0], [x1, y1]) {
    const [dx, dy] = [x1 - x0, y1 - y0];
    const squared = dx * dx + dy * dy;
    const first = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - PEN - 1));
    const last = (a, b) => Math.min(PAD - 1, Math.ceil(Math.max(a, b) + PEN + 1));
    for (let i = first(y0, y1); i <= last(y0, y1); i++) {
      for (let j = first(x0, x1); j <= last(x0, x1); j++) {
        const [px, py] = [j + 0.5 - x0, i + 0.5 - y0];
        const along = squared ? Math.min(Math.max((px * dx + py * dy) / squared, 0), 1) : 0;
        const distance = Math.hypot(px - along * dx, py - along * dy);
        ink[PAD * i + j] = Math.max(ink[PAD * i + j], 255 * (PEN + 0.5 - distance));
      }
    }
  }

  // --- from ink to what the model sees ---

  /** Return ink of any size in MNIST's form, as `center_digit` of mbgd_lib does, or null for none. */
  function centre(ink, width) {
    const lines = range(ink.length / width).map((i) => Array.from(ink.slice(width * i, width * i + width)));
    const rows = range(lines.length).filter((i) => lines[i].some((value) => value > 0));
    const columns = range(width).filter((j) => rows.some((i) => lines[i][j] > 0));
    if (rows.length === 0) return null;
    const [top, left] = [rows[0], columns[0]];
    const box = lines.slice(top, rows.at(-1) + 1).map((line) => line.slice(left, columns.at(-1) + 1));
    const fit = BOX / Math.max(box.length, box[0].length);
    const size = [box.length, box[0].length].map((length) => Math.max(1, toEven(length * fit)));
    const small = means(box, ...size);
    const down = start28(small.map(sum));
    const right = start28(range(size[1]).map((j) => sum(small.map((line) => line[j]))));
    const result = new Uint8Array(SIDE * SIDE);
    small.forEach((line, i) =>
      line.forEach((value, j) => (result[SIDE * (down + i) + right + j] = toEven(value)))
    );
    return result.some((value) => value > 0) ? result : null;
  }

  /** Return ink of any size as 28 × 28 pixels and nothing else done to it, or null for none. */
  function shrink(ink, width) {
    const lines = range(ink.length / width).map((i) => Array.from(ink.slice(width * i, width * i + width)));
    const result = Uint8Array.from(means(lines, SIDE, SIDE).flat(), toEven);
    return result.some((value) => value > 0) ? result : null;
  }

  /** Average an image to another size: each new pixel is the mean of what it covers. */
  function means(lines, height, width) {
    const across = overlaps(lines[0].length, width);
    const narrow = lines.map((line) =>
      across.map((parts) => sum(parts.map(([j, share]) => share * line[j])))
    );
    return overlaps(lines.length, height).map((parts) =>
      range(width).map((j) => sum(parts.map(([i, share]) => share * narrow[i][j])))
    );
  }

  /** Return, for each of `count` new pixels, which of `length` old ones it covers, in shares. */
  function overlaps(length, count) {
    return range(count).map((k) => {
      const [from, to] = [(k * length) / count, ((k + 1) * length) / count];
      return range(length)
        .slice(Math.floor(from), Math.ceil(to))
        .map((i) => [i, ((Math.min(to, i + 1) - Math.max(from, i)) * count) / length]);
    });
  }

  /** Return where the first of these rows must lie for their centre of mass to be at 14. */
  function start28(mass) {
    const middle = sum(mass.map((m, i) => m * i)) / sum(mass);
    return Math.min(Math.max(toEven(SIDE / 2 - middle), 0), SIDE - mass.length);
  }

  /** Round as Python and NumPy do: halves to the even neighbour. */
  function toEven(x) {
    const below = Math.floor(x);
    return x - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(x);
  }

  // --- from what the model sees to its answers ---

  /** Read the weights that `weights_to_json` of mbgd_lib wrote. */
  function unpack({ classes, intercepts, units, slopes, mean, scale }) {
    const whole = new Int8Array(bytes(slopes).buffer);
    return { intercepts, mean, scale, slopes: Array.from(whole, (w, i) => w * units[i % classes]) };
  }

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  }

  function scores({ intercepts, slopes, mean, scale }, pixels) {
    const result = [...intercepts];
    pixels.forEach((pixel, j) => {
      const feature = (pixel - mean) / scale;
      intercepts.forEach((_, c) => (result[c] += feature * slopes[intercepts.length * j + c]));
    });
    return result;
  }

  function softmax(scores) {
    const highest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - highest));
    return powers.map((power) => power / sum(powers));
  }

  /** Return what the model sees of a drawing and its probabilities; null both for an empty pad. */
  function look(model, drawing, centred) {
    const pixels = (centred ? centre : shrink)(inkOf(drawing), PAD);
    return { pixels, probabilities: pixels && softmax(scores(model, pixels)) };
  }

  // --- in words ---

  /** Say what the model answers; `label` is the digit that an example is known to be. */
  function sentence(probabilities, label = null) {
    if (!probabilities) return "The pad is empty. Draw a digit, or choose an example.";
    const order = range(10).sort((a, b) => probabilities[b] - probabilities[a]);
    const [first, second] = order.map((digit) => `${digit === 8 ? "an" : "a"} ${digit}`);
    const [sure, less] = order.map((digit) => percent(probabilities[digit]));
    const text = `Most likely ${first} (${sure}), then ${second} (${less}).`;
    if (label === null) return text;
    const known = `The example is ${label === 8 ? "an" : "a"} ${label}`;
    return `${text} ${known}${label === order[0] ? "." : ": the model is wrong."}`;
  }

  function percent(probability) {
    if (probability < 0.005) return "under 1\u00a0%";
    if (probability > 0.995) return "over 99\u00a0%";
    return `${Math.round(100 * probability)}\u00a0%`;
  }

  // --- the pictures ---

  /** Draw grey levels as squares of 1 × 1. */
  function squares(pixels) {
    return Array.from(pixels ?? [], (value, i) =>
      value === 0
        ? ""
        : `<rect fill-opacity="${Math.round((1000 * value) / 255) / 1000}" height="1" width="1" ` +
          `x="${i % SIDE}" y="${Math.floor(i / SIDE)}"/>`
    ).join("");
  }

  function drawn({ strokes, pixels }) {
    const at = (point) => point.map((x) => Math.round(10 * x) / 10).join();
    const lines = strokes.map(
      (stroke) => `<path d="M${at(stroke[0])}L${stroke.map(at).join("L")}" stroke-width="${2 * PEN}"/>`
    );
    return `<g transform="scale(${FINE})">${squares(pixels)}</g>${lines.join("")}`;
  }

  function bars(probabilities) {
    const most = probabilities && Math.max(...probabilities);
    return range(10)
      .map((digit) => {
        const share = probabilities?.[digit] ?? 0;
        return (
          `<li${probabilities && share === most ? ' class="most"' : ""}><b>${digit}</b>` +
          `<span class="track"><span style="width:${(100 * share).toFixed(1)}%"></span></span>` +
          `<span class="percent">${probabilities ? percent(share) : "–"}</span></li>`
        );
      })
      .join("");
  }

  // --- the state, and where it is kept ---

  const EXAMPLE = "3"; // shown at first

  function example(data, name) {
    const found = data.examples.find((one) => one.name === name);
    return found ? { ...found, pixels: bytes(found.pixels), strokes: [] } : null;
  }

  const EMPTY = { name: null, pixels: null, strokes: [] };

  /** Return the state in an address such as #id?example=4&centre=off, or null if it has none. */
  function readHash(hash, id, data) {
    if (!hash.startsWith(`#${id}?`)) return null;
    const given = new URLSearchParams(hash.slice(id.length + 2));
    return {
      drawing: example(data, given.get("example")) ?? example(data, EXAMPLE),
      centred: given.get("centre") !== "off",
    };
  }

  function writeHash(id, name, centred) {
    return `#${id}?example=${name}${centred ? "" : "&centre=off"}`;
  }

  // --- the page ---

  /** Return the whole figure but its caption, with its first example. */
  function content(data, id) {
    const drawing = example(data, EXAMPLE);
    const { pixels, probabilities } = look(unpack(data), drawing, true);
    const choices = data.examples.map(
      ({ name }) =>
        `<button type="button" data-example="${name}" aria-pressed="${name === EXAMPLE}"` +
        `>${name.length > 1 ? `a ${name}` : name}</button>`
    );
    return `
<div class="board">
<div class="drawing">
<svg class="pad" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PAD} ${PAD}" role="img" aria-label="The drawing" aria-describedby="${id}-help"><g class="drawn">${drawn(drawing)}</g><circle class="pen" r="${PEN}"/></svg>
<fieldset class="controls" disabled>
<button type="button" class="clear">Clear</button>
<button type="button" class="undo">Undo</button>
</fieldset>
<p class="help" id="${id}-help">Draw with mouse, finger or pen. Or with the keyboard: arrow keys move the pen, space puts it down and lifts it.</p>
<p class="moved" role="status"></p>
</div>
<div class="answer">
<p class="sentence" aria-live="polite">${sentence(probabilities, drawing.label)}</p>
<div class="seen">
<p id="${id}-seen">What the model sees</p>
<svg class="preview" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}" role="img" aria-labelledby="${id}-seen">${squares(pixels)}</svg>
</div>
<ul class="bars" aria-label="Probability of each digit">${bars(probabilities)}</ul>
</div>
</div>
<fieldset class="controls" disabled>
<div class="examples" role="group" aria-labelledby="${id}-examples"><span id="${id}-examples">Test images:</span>${choices.join("")}</div>
<label><input type="checkbox" class="centred" checked autocomplete="off"> Centre the digit first, as MNIST did</label>
</fieldset>
<noscript><p>Drawing needs JavaScript. The picture shows one of MNIST's test images.</p></noscript>`;
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function start(root) {
    const { id } = root.closest("figure");
    const data = JSON.parse(root.querySelector("script").textContent);
    const model = unpack(data);
    const find = (selector) => root.querySelector(selector);
    const [pad, pen, box] = [find(".pad"), find(".pen"), find(".centred")];
    let drawing = example(data, EXAMPLE);
    let centred = true;
    let past = [];
    let stroke = null; // the one being drawn, the last of drawing.strokes
    let place = [PAD / 2, PAD / 2]; // the keyboard's pen
    let waiting = null;

    // What follows the pen …
    const draw = () => {
      waiting = null;
      const { pixels, probabilities } = look(model, drawing, centred);
      find(".drawn").innerHTML = drawn(drawing);
      find(".preview").innerHTML = squares(pixels);
      find(".bars").innerHTML = bars(probabilities);
      return probabilities;
    };
    // … and what is said when it rests.
    const show = () => {
      cancelAnimationFrame(waiting);
      find(".sentence").textContent = sentence(draw(), drawing.label ?? null);
      box.checked = centred;
      root.querySelectorAll("[data-example]").forEach((button) =>
        button.setAttribute("aria-pressed", button.dataset.example === drawing.name)
      );
    };
    const remember = () => {
      if (drawing.name !== null) {
        history.replaceState(history.state, "", writeHash(id, drawing.name, centred));
      } else if (location.hash.startsWith(`#${id}?`)) {
        history.replaceState(history.state, "", `#${id}`);
      }
    };
    const change = (next) => {
      lift();
      past.push(drawing);
      drawing = next;
      show();
      remember();
    };
    const say = (what) => {
      find(".moved").textContent = what;
    };

    const put = (point) => {
      lift();
      past.push(drawing);
      stroke = [point];
      // A first stroke takes an example's place.
      drawing = { ...EMPTY, strokes: [...(drawing.pixels ? [] : drawing.strokes), stroke] };
      draw();
    };
    const move = (points) => {
      stroke.push(...points);
      waiting ??= requestAnimationFrame(draw);
    };
    const lift = () => {
      if (!stroke) return;
      stroke = null;
      pen.classList.remove("down");
      show();
      remember();
    };

    // --- mouse, finger, pen ---

    const point = ({ clientX, clientY }) => {
      const { left, top, width, height } = pad.getBoundingClientRect();
      return [((clientX - left) * PAD) / width, ((clientY - top) * PAD) / height];
    };
    let pointer = null;
    pad.addEventListener("pointerdown", (event) => {
      if (pointer !== null || event.button !== 0) return;
      pointer = event.pointerId;
      pad.setPointerCapture(pointer);
      say("");
      put(point(event));
    });
    pad.addEventListener("pointermove", (event) => {
      if (event.pointerId !== pointer || !stroke) return;
      const all = event.getCoalescedEvents?.() ?? [];
      move((all.length > 0 ? all : [event]).map(point));
    });
    pad.addEventListener("lostpointercapture", (event) => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      lift();
    });

    // --- keyboard ---

    const showPen = () => {
      pen.setAttribute("cx", place[0]);
      pen.setAttribute("cy", place[1]);
      pen.classList.toggle("down", stroke !== null);
    };
    pad.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || pointer !== null) return;
      const arrow = ARROWS[event.key];
      if (arrow) {
        const step = event.shiftKey ? 4 * FINE : FINE;
        place = place.map((x, axis) => Math.min(Math.max(x + step * arrow[axis], 0), PAD));
        if (stroke) move([place]);
      } else if ((event.key === " " || event.key === "Enter") && !event.repeat) {
        if (stroke) lift();
        else put(place);
        const [column, row] = place.map((x) => x / FINE);
        say(`Pen ${stroke ? "down" : "lifted"}: column ${column}, row ${row} of ${SIDE}.`);
      } else if (event.key !== " " && event.key !== "Enter") {
        return;
      }
      event.preventDefault();
      showPen();
    });
    pad.addEventListener("blur", () => {
      if (pointer !== null) return;
      lift();
      say("");
    });

    // --- the rest ---

    find(".clear").addEventListener("click", () => {
      if (drawing.pixels || drawing.strokes.length > 0) change(EMPTY);
    });
    find(".undo").addEventListener("click", () => {
      if (past.length === 0) return;
      drawing = past.pop();
      show();
      remember();
    });
    find(".examples").addEventListener("click", ({ target }) => {
      const { example: name } = target.dataset;
      if (name) change(example(data, name));
    });
    box.addEventListener("change", () => {
      centred = box.checked;
      show();
      remember();
    });
    const obey = () => {
      const wanted = readHash(location.hash, id, data);
      if (!wanted) return;
      ({ centred } = wanted);
      change(wanted.drawing);
      root.closest("figure").scrollIntoView();
    };
    window.addEventListener("hashchange", obey);

    pad.setAttribute("role", "application");
    pad.setAttribute("aria-label", "Pad to draw a digit on");
    pad.setAttribute("tabindex", "0");
    showPen();
    root.querySelectorAll(".controls").forEach((controls) => (controls.disabled = false));
    obey();
  }

  return { content, start, PAD, inkOf, centre, shrink, unpack, scores, softmax, look, sentence, readHash, writeHash };
});
