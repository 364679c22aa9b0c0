// What the figures that move share: NumPy's random numbers, batches, descent; drawing; controls.
//
// A figure is a file of its own, which calls `explorers.define`. The build runs both in Node.js, for
// what a page shows before scripts run or without them. They are classic scripts, not modules:
// browsers refuse modules of a page that is opened from a disk.

(() => {
  // --- random numbers: those of NumPy's default_rng ---

  const MASK = (1n << 128n) - 1n;
  const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

  /** Return the words that NumPy's SeedSequence makes of a seed below 2**32. */
  function seedWords(seed) {
    let constant = 0x43b0d7e5;
    const scatter = (value, multiplier) => {
      value ^= constant;
      constant = Math.imul(constant, multiplier);
      value = Math.imul(value, constant);
      return value ^ (value >>> 16);
    };
    const pool = [seed, 0, 0, 0].map((value) => scatter(value, 0x931e8875));
    for (let from = 0; from < 4; from++) {
      for (let to = 0; to < 4; to++) {
        if (from === to) continue;
        const other = scatter(pool[from], 0x931e8875);
        const mixed = Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, other);
        pool[to] = mixed ^ (mixed >>> 16);
      }
    }
    constant = 0x8b51f9dd;
    return Array.from({ length: 8 }, (_, i) => BigInt(scatter(pool[i % 4], 0x58f38ded) >>> 0));
  }

  /** Return a generator with the numbers of `numpy.random.default_rng(seed)`: PCG64, XSL-RR. */
  function generator(seed) {
    const words = seedWords(seed);
    const wide = (i) => (((words[i + 1] << 32n) | words[i]) << 64n) | (words[i + 3] << 32n) | words[i + 2];
    const increment = ((wide(4) << 1n) | 1n) & MASK;
    let state = 0n;
    const advance = () => (state = (state * MULTIPLIER + increment) & MASK);
    advance();
    state += wide(0);
    advance();
    let kept = null; // the upper half of the last 64 bits
    const next32 = () => {
      if (kept !== null) {
        const half = kept;
        kept = null;
        return half;
      }
      advance();
      const folded = BigInt.asUintN(64, (state >> 64n) ^ state);
      const turn = state >> 122n;
      const bits = BigInt.asUintN(64, (folded >> turn) | (folded << (64n - turn)));
      kept = Number(bits >> 32n);
      return Number(bits & 0xffffffffn);
    };
    /** Return a whole number below `count`, which is at most 2**21 (Lemire's method). */
    const below = (count) => {
      if (count === 1) return 0;
      const reject = (2 ** 32 - count) % count;
      for (;;) {
        const product = next32() * count;
        const high = Math.floor(product / 2 ** 32);
        if (product - high * 2 ** 32 >= reject) return high;
      }
    };
    /** The same for the places of a shuffle: NumPy masks bits there, and draws again. */
    const upTo = (most) => {
      const mask = 2 ** (32 - Math.clz32(most)) - 1;
      for (;;) {
        const drawn = (next32() & mask) >>> 0;
        if (drawn <= most) return drawn;
      }
    };
    const shuffle = (items) => {
      for (let i = items.length - 1; i > 0; i--) {
        const j = upTo(i);
        [items[i], items[j]] = [items[j], items[i]];
      }
      return items;
    };
    return {
      integers: (count, size) => Array.from({ length: size }, () => below(count)),
      permutation: (n) => shuffle(range(n)),
      shuffle,
    };
  }

  // --- batches and descent ---

  const range = (count) => Array.from({ length: count }, (_, i) => i);
  const sum = (numbers) => numbers.reduce((total, x) => total + x, 0);
  const mean = (numbers) => sum(numbers) / numbers.length;

  /** Yield the batches of one epoch after the other, as `minibatches` of mbgd_lib does. */
  function* minibatches(n, batchSize, { order = "reshuffle", seed = 0, mirrored = false } = {}) {
    const rng = generator(seed);
    let rows = null;
    for (let epoch = 0; ; epoch++) {
      if (order === "with_replacement") rows = rng.integers(n, n);
      else if (order === "sequential") rows = range(n);
      else if (mirrored && epoch % 2 === 1) rows = rows.slice().reverse();
      else if (order === "reshuffle" || rows === null) rows = rng.permutation(n);
      for (let first = 0; first < n; first += batchSize) yield rows.slice(first, first + batchSize);
    }
  }

  /** Return the path of so many steps, from the start on; it ends early where it leaves all bounds. */
  function descend(objective, start, { learningRate, batchSize, steps, seed = 0, ...rest }) {
    const path = [start];
    const whole = batchSize >= objective.n && rest.order !== "with_replacement";
    const batches = whole ? null : minibatches(objective.n, batchSize, { seed, ...rest });
    while (path.length <= steps) {
      const weights = path.at(-1);
      const slope = objective.gradient(weights, batches?.next().value);
      const next = weights.map((w, i) => w - learningRate * slope[i]);
      if (!next.every((w) => Math.abs(w) < 1e12)) break;
      path.push(objective.clip ? objective.clip(next) : next);
    }
    return path;
  }

  /** Half the mean squared error of a line: weights are intercept and slope. */
  function leastSquares({ x, y }) {
    const n = x.length;
    const gradient = ([a, b], rows) => {
      let [first, second] = [0, 0];
      const count = rows ? rows.length : n;
      for (let k = 0; k < count; k++) {
        const i = rows ? rows[k] : k;
        const residual = a + b * x[i] - y[i];
        first += residual;
        second += residual * x[i];
      }
      return [first / count, second / count];
    };
    const xx = mean(x.map((v) => v * v));
    const hessian = [[1, mean(x)], [mean(x), xx]];
    const [g0, g1] = gradient([0, 0]);
    const determinant = xx - mean(x) ** 2;
    const solution = [(-xx * g0 + mean(x) * g1) / determinant, (mean(x) * g0 - g1) / determinant];
    return { n, gradient, solution, ...quadratic(hessian, solution) };
  }

  /** Return what is known of ½ δᵀHδ around a minimum: the loss gap, curvatures, contours. */
  function quadratic(hessian, minimum) {
    const [[a, b], [, c]] = hessian;
    const spread = Math.hypot((a - c) / 2, b);
    const curvatures = [(a + c) / 2 - spread, (a + c) / 2 + spread];
    const angle = 0.5 * Math.atan2(2 * b, a - c); // of the steepest direction
    const gap = (w) => {
      const [u, v] = [w[0] - minimum[0], w[1] - minimum[1]];
      return 0.5 * (a * u * u + 2 * b * u * v + c * v * v);
    };
    const contour = (height) =>
      range(73).map((i) => {
        const along = Math.sqrt((2 * height) / curvatures[1]) * Math.cos((i * Math.PI) / 36);
        const across = Math.sqrt((2 * height) / curvatures[0]) * Math.sin((i * Math.PI) / 36);
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        return [minimum[0] + along * cos - across * sin, minimum[1] + along * sin + across * cos];
      });
    return { hessian, curvatures, angle, gap, contour, kappa: curvatures[1] / curvatures[0] };
  }

  // --- numbers in words ---

  const round = (x, digits = 3) => Number(x.toPrecision(digits));
  const grouped = (x) => String(x).replace(/(?<!\..*)\B(?=(\d{3})+(?!\d))/g, ",");
  const twoDigits = (x) => {
    if (!Number.isFinite(x)) return "infinitely many";
    if (x === 0) return "0";
    if (Math.abs(x) >= 1e7 || Math.abs(x) < 1e-3) {
      const [digits, power] = x.toExponential(1).split("e");
      return `${digits} × 10${[...String(Number(power))].map((d) => SUPERSCRIPTS[d]).join("")}`;
    }
    return Math.abs(x) < 10 ? x.toPrecision(2) : grouped(round(x, 2));
  };
  const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const count = (x, one, many = `${one}s`) => `${grouped(x)} ${x === 1 ? one : many}`;
  const minus = (text) => String(text).replace(/^-/, "−");
  const fixed = (x, digits) => minus(x.toFixed(digits));
  const batchName = (size, n) =>
    size >= n ? "all rows" : size === 1 ? "single rows" : `batches of ${grouped(size)}`;

  // --- drawing ---

  const at = (pixels) => Math.round(pixels * 10) / 10;

  /** Return a drawing in CSS pixels; `x` and `y` are the ends of its axes, `log` names log ones. */
  function plot({ x, y, xLabel, yLabel, xTicks, yTicks, log = "", equal = false }, width, height) {
    const box = { left: 60, right: width - 24, top: yLabel ? 30 : 12, bottom: height - 46 };
    const [logX, logY] = [log.includes("x"), log.includes("y")];
    const share = (value, [low, high], isLog) =>
      isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    if (equal) {
      const unit = Math.min((box.right - box.left) / (x[1] - x[0]), (box.bottom - box.top) / (y[1] - y[0]));
      const [spareX, spareY] = [box.right - box.left - unit * (x[1] - x[0]), box.bottom - box.top - unit * (y[1] - y[0])];
      [box.left, box.right] = [box.left + spareX / 2, box.right - spareX / 2];
      [box.top, box.bottom] = [box.top + spareY, box.bottom];
    }
    const px = (value) => box.left + (box.right - box.left) * share(value, x, logX);
    const py = (value) => box.bottom - (box.bottom - box.top) * share(value, y, logY);
    const value = (part, [low, high], isLog) =>
      isLog ? low * (high / low) ** part : low + part * (high - low);
    const [left, top, wide, high] = [box.left, box.top, box.right - box.left, box.bottom - box.top].map(at);
    const inside = `x="${left}" y="${top}" width="${wide}" height="${high}"`;
    const [inner, outer] = [[], []];
    const label = (left, top, text, kind = "tick", anchor = "middle") =>
      outer.push(`<text class="${kind}" x="${at(left)}" y="${at(top)}" text-anchor="${anchor}">${text}</text>`);
    const self = {
      box,
      /** The point of the plane under a pixel. */
      under: (left, top) => [
        value((left - box.left) / (box.right - box.left), x, logX),
        value((box.bottom - top) / (box.bottom - box.top), y, logY),
      ],
      over: ([a, b]) => [px(a), py(b)],
      line(points, kind) {
        const seen = points.filter(([a, b]) => Number.isFinite(a) && Number.isFinite(b) && (!logY || b > 0));
        // Far outside, browsers lose their precision.
        const limit = (v) => at(Math.min(Math.max(v, -4000), 4000));
        if (seen.length > 0) {
          inner.push(`<path class="${kind}" d="M${seen.map(([a, b]) => `${limit(px(a))},${limit(py(b))}`).join("L")}"/>`);
        }
      },
      dot: ([a, b], kind, radius = 4) =>
        inner.push(`<circle class="${kind}" cx="${at(px(a))}" cy="${at(py(b))}" r="${radius}"/>`),
      star: ([a, b], kind = "best", radius = 8) => {
        const corner = (_, i) => {
          const r = i % 2 ? 0.42 * radius : radius;
          return `${at(px(a) + r * Math.sin((i * Math.PI) / 5))},${at(py(b) - r * Math.cos((i * Math.PI) / 5))}`;
        };
        inner.push(`<path class="${kind}" d="M${Array.from({ length: 10 }, corner).join("L")}Z"/>`);
      },
      text: ([a, b], text, kind = "note", anchor = "middle", up = 0) =>
        label(px(a), py(b) - up, text, kind, anchor),
      image: (href) => inner.push(`<image href="${href}" ${inside} preserveAspectRatio="none"/>`),
      raw: (markup) => inner.push(markup),
      svg: (about) =>
        `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${about}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">` +
        // A drawing in the drawing cuts off what is outside the axes, without a name that the page would share.
        `${grid.join("")}<svg ${inside} viewBox="${left} ${top} ${wide} ${high}">${inner.join("")}</svg>${outer.join("")}</svg>`,
    };
    const grid = [];
    for (const [tick, name = minus(grouped(tick))] of pairs(xTicks)) {
      grid.push(`<path class="grid" d="M${at(px(tick))},${at(box.top)}V${at(box.bottom)}"/>`);
      label(px(tick), box.bottom + 18, name);
    }
    for (const [tick, name = minus(grouped(tick))] of pairs(yTicks)) {
      grid.push(`<path class="grid" d="M${at(box.left)},${at(py(tick))}H${at(box.right)}"/>`);
      label(box.left - 6, py(tick) + 4.5, name, "tick", "end");
    }
    grid.push(`<path class="axis" d="M${at(box.left)},${at(box.top)}V${at(box.bottom)}H${at(box.right)}"/>`);
    if (xLabel) label((box.left + box.right) / 2, box.bottom + 38, xLabel, "title");
    if (yLabel) label(Math.max(box.left - 52, 0), box.top - 12, yLabel, "title", "start");
    return self;
  }
  const pairs = (ticks = []) => ticks.map((tick) => (Array.isArray(tick) ? tick : [tick]));

  // --- controls: each keeps one entry of the state, and reads it from an address ---

  /** A slider over a list of values; `say` puts a value into words. */
  function slider(name, label, values, say = (x) => minus(grouped(x))) {
    const place = (x) =>
      values.reduce((best, value, i) => (Math.abs(value - x) < Math.abs(values[best] - x) ? i : best), 0);
    return {
      name,
      html: (id, state, data) =>
        `<div class="slider"><label for="${id}-${name}">${label}: <b>${say(state[name], data)}</b></label>` +
        `<input id="${id}-${name}" data-name="${name}" type="range" min="0" max="${values.length - 1}" step="1" value="${place(state[name])}" aria-valuetext="${say(state[name], data)}" autocomplete="off"></div>`,
      read: (text) => (text !== "" && values.includes(Number(text)) ? Number(text) : undefined),
      connect(root, choose) {
        const input = root.querySelector(`[data-name="${name}"]`);
        input.addEventListener("input", () => choose({ [name]: values[input.value] }));
        return (state, data) => {
          input.value = place(state[name]);
          input.setAttribute("aria-valuetext", say(state[name], data));
          input.parentElement.querySelector("b").textContent = say(state[name], data);
        };
      },
    };
  }

  /** Buttons of which one is on; `options` maps values to their names. */
  function choice(name, legend, options) {
    return {
      name,
      html: (id, state) =>
        `<fieldset class="targets"><legend>${legend}</legend>${Object.entries(options)
          .map(
            ([value, text]) =>
              `<label><input type="radio" name="${id}-${name}" value="${value}" autocomplete="off"${state[name] === value ? " checked" : ""}> ${text}</label>`
          )
          .join("")}</fieldset>`,
      read: (text) => (Object.hasOwn(options, text) ? text : undefined),
      connect(root, choose) {
        const radios = [...root.querySelectorAll("input[type=radio]")].filter((radio) =>
          radio.name.endsWith(`-${name}`)
        );
        radios.forEach((radio) => radio.addEventListener("change", () => choose({ [name]: radio.value })));
        return (state) => radios.forEach((radio) => (radio.checked = radio.value === state[name]));
      },
    };
  }

  const button = (name, text) => `<button type="button" data-do="${name}">${text}</button>`;
  const MOST_SEED = 9999;

  /** Return the entries of a state, with how each is read from an address; undefined: not allowed. */
  function readers(figure) {
    const whole = (most) => (text) => (/^\d{1,6}$/.test(text) && Number(text) <= most ? Number(text) : undefined);
    const within = ([low, high]) => (text) =>
      /^-?\d+(\.\d+)?$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined;
    return {
      ...Object.fromEntries(figure.controls.map((control) => [control.name, control.read])),
      ...(figure.length ? { at: whole(1e5) } : {}),
      ...(figure.seeded ? { seed: whole(MOST_SEED) } : {}),
      ...(figure.handle ? { x: within(figure.handle.x), y: within(figure.handle.y) } : {}),
    };
  }

  /** Return the state in an address such as #id?rate=0.2&at=8, or null if it has none. */
  function readHash(hash, id, figure, data, defaults) {
    if (!hash.startsWith(`#${id}?`)) return null;
    const given = new URLSearchParams(hash.slice(id.length + 2));
    const state = { ...defaults };
    for (const [name, read] of Object.entries(readers(figure))) {
      const value = read(given.get(name) ?? "");
      if (value !== undefined) state[name] = value;
    }
    return withinRun(figure, data, state);
  }

  const writeHash = (id, figure, state) =>
    `#${id}?${Object.keys(readers(figure)).map((name) => `${name}=${state[name]}`).join("&")}`;

  const withinRun = (figure, data, state) =>
    figure.length ? { ...state, at: Math.min(state.at, figure.length(data, state)) } : state;

  // --- a figure on its page ---

  const WIDTH = 320; // of a panel before scripts run
  const HEIGHT = 340;

  /** Return a figure whose controls are those that its data allow, and the data as it uses them. */
  function ready(figure, stored) {
    const data = figure.prepare ? figure.prepare(stored) : stored;
    const whole = figure.of ? { ...figure, ...figure.of(data) } : figure;
    const asked = readHash(`#?${stored.set ?? ""}`, "", whole, data, figure.defaults(data));
    return [{ ...whole, defaults: asked }, data];
  }

  /** Return the whole figure but its caption, as it is before anybody touches it. */
  function content(kind, stored, id) {
    const [figure, data] = ready(kind, stored);
    const state = figure.defaults;
    const drawn = figure.panels(data, state);
    // One that stands alone is twice as wide, and for narrow windows there again; a map is square anyway.
    const widths = drawn.length > 1 || figure.handle ? [WIDTH] : [2 * WIDTH, WIDTH];
    const stills = (draw) => widths.map((width) => draw(width, HEIGHT).markup).join("");
    const panels = drawn.map((draw) => `<div class="panel">${stills(draw)}</div>`);
    const run = figure.length
      ? [button("run", "Run"), button("step", figure.stepName ?? "One step"), button("restart", "To the start")]
      : [];
    const seed = figure.seeded
      ? [`${button("seed", "Another seed")}<span class="seed">seed <b>${state.seed}</b></span>`]
      : [];
    return `
<fieldset class="controls" disabled>
${figure.controls.map((control) => control.html(id, state, data)).join("\n")}
<div class="buttons">${[...run, ...seed, ...(figure.buttons ?? []).map(([name, text]) => button(name, text)), button("back", "Reset")].join("")}</div>
</fieldset>
<div class="panels">${panels.join("")}</div>
<p class="sentence" aria-live="polite">${figure.sentence(data, state)}</p>
<noscript><p>The controls need JavaScript. The picture shows where they begin.</p></noscript>`;
  }

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** Draw once an element comes near the window, and whenever its size changes. Until it is near
      the build's picture does, and the page is there sooner. */
  function drawWhenNear(element, draw) {
    const watch = new IntersectionObserver(
      (changes) => {
        if (!changes.some(({ isIntersecting }) => isIntersecting)) return;
        watch.disconnect();
        new ResizeObserver(draw).observe(element);
      },
      { rootMargin: "600px" }
    );
    watch.observe(element);
  }

  /** Bring a figure to life. It says what the build's picture shows, until it is asked for something else. */
  function start(kind, root) {
    const { id } = root.closest("figure");
    const [figure, data] = ready(kind, JSON.parse(root.querySelector("script").textContent));
    const { defaults } = figure;
    const find = (selector) => root.querySelector(selector);
    const all = (selector) => [...root.querySelectorAll(selector)];
    let state = defaults;
    let [waiting, playing] = [null, null];

    const panels = all(".panel");
    let frames = [];
    const draw = () => {
      if (panels.some(({ clientWidth }) => clientWidth < 100)) return; // not shown, or not yet
      figure.panels(data, state).forEach((paint, i) => {
        const { markup, frame } = paint(panels[i].clientWidth, panels[i].clientHeight);
        panels[i].querySelectorAll(":scope > svg").forEach((old) => old.remove());
        panels[i].insertAdjacentHTML("afterbegin", markup);
        frames[i] = frame;
      });
      if (handle) moveHandle();
    };
    const say = () => {
      find(".sentence").textContent = figure.sentence(data, state);
      if (figure.seeded) find(".seed b").textContent = state.seed;
      if (handle) handle.setAttribute("aria-label", handleName());
    };
    const show = () => {
      followers.forEach((follow) => follow(state, data));
      draw();
      say();
      remember();
    };
    const remember = () => {
      // Browsers refuse to change the address many times a second.
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (JSON.stringify(state) !== JSON.stringify(defaults) || location.hash.startsWith(`#${id}?`)) {
          history.replaceState(history.state, "", writeHash(id, figure, state));
        }
      }, 250);
    };
    const choose = (change) => {
      stop();
      state = withinRun(figure, data, { ...state, ...change });
      show();
    };

    // --- running ---

    const runButton = find('[data-do="run"]');
    const stop = () => {
      if (playing === null) return;
      cancelAnimationFrame(playing);
      playing = null;
      runButton.textContent = "Run";
      find(".sentence").setAttribute("aria-live", "polite");
      show();
    };
    const run = () => {
      if (playing !== null) return stop();
      const length = figure.length(data, state);
      if (state.at >= length) state = { ...state, at: 0 };
      if (calm()) return choose({ at: length });
      runButton.textContent = "Pause";
      find(".sentence").setAttribute("aria-live", "off"); // said once it rests
      const perSecond = Math.max(8, length / 6);
      const [from, began] = [state.at, performance.now()];
      const tick = (now) => {
        const next = Math.min(length, from + Math.max(0, Math.floor(((now - began) / 1000) * perSecond)));
        if (next !== state.at) {
          state = { ...state, at: next };
          draw();
          say();
        }
        if (next >= length) return stop();
        playing = requestAnimationFrame(tick);
      };
      playing = requestAnimationFrame(tick);
    };
    const actions = {
      run,
      step: () => choose({ at: state.at + 1 }),
      restart: () => choose({ at: 0 }),
      seed: () => choose({ seed: (state.seed + 1) % (MOST_SEED + 1) }),
      back: () => {
        figure.forget?.(data);
        choose(defaults);
      },
      ...Object.fromEntries(
        (figure.buttons ?? []).map(([name, , act]) => [name, () => choose(act(data, state))])
      ),
    };
    all("[data-do]").forEach((element) => element.addEventListener("click", actions[element.dataset.do]));

    // --- what can be dragged ---

    let handle = null;
    const handleName = () =>
      `${figure.handle.name} at ${fixed(state.x, 2)}, ${fixed(state.y, 2)}. Drag it, or use the arrow keys.`;
    const moveHandle = () => {
      const [left, top] = frames[0].over([state.x, state.y]);
      handle.style.left = `${left}px`;
      handle.style.top = `${top}px`;
    };
    const moveTo = (x, y) => {
      const clamp = (v, [low, high]) => Math.min(Math.max(Math.round(v * 100) / 100, low), high);
      choose({ x: clamp(x, figure.handle.x), y: clamp(y, figure.handle.y), ...(figure.length ? { at: 0 } : {}) });
    };
    if (figure.handle) {
      handle = document.createElement("button");
      handle.type = "button";
      handle.className = "handle";
      handle.setAttribute("aria-label", handleName());
      panels[0].append(handle);
      const move = (event) => {
        const { left, top } = panels[0].getBoundingClientRect();
        moveTo(...frames[0].under(event.clientX - left, event.clientY - top));
      };
      panels[0].classList.add("map");
      // A finger taps a place, or drags the handle; where it swipes over the map, the page scrolls.
      let tapped = null;
      panels[0].addEventListener("pointerdown", (event) => {
        tapped = null;
        if (event.button !== 0) return;
        if (event.target === handle) panels[0].setPointerCapture(event.pointerId);
        else if (!insideMap(event)) return;
        else if (event.pointerType === "touch") {
          tapped = event;
          return;
        }
        event.preventDefault();
        handle.focus({ preventScroll: true });
        move(event);
      });
      panels[0].addEventListener("pointerup", (event) => {
        const far = tapped && Math.hypot(event.clientX - tapped.clientX, event.clientY - tapped.clientY);
        if (tapped && far < 10) move(event);
        tapped = null;
      });
      panels[0].addEventListener("pointercancel", () => (tapped = null));
      const insideMap = ({ clientX, clientY }) => {
        const { left, top } = panels[0].getBoundingClientRect();
        const { box } = frames[0];
        const [x, y] = [clientX - left, clientY - top];
        return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
      };
      panels[0].addEventListener("pointermove", (event) => {
        if (panels[0].hasPointerCapture(event.pointerId)) move(event);
      });
      handle.addEventListener("keydown", (event) => {
        const arrow = ARROWS[event.key];
        if (!arrow || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        const far = event.shiftKey ? 5 : 1;
        const unit = (ends) => (far * (ends[1] - ends[0])) / 40;
        moveTo(state.x + arrow[0] * unit(figure.handle.x), state.y + arrow[1] * unit(figure.handle.y));
      });
    }

    // --- the page ---

    const followers = figure.controls.map((control) => control.connect(root, choose));
    const obey = () => {
      const wanted = readHash(location.hash, id, figure, data, defaults);
      if (!wanted) return;
      choose(wanted);
      root.closest("figure").scrollIntoView();
    };
    window.addEventListener("hashchange", obey);
    all(".controls").forEach((fieldset) => (fieldset.disabled = false));
    drawWhenNear(find(".panels"), draw);
    obey();
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  /** Keep the last result of a function for as long as its arguments, as text, are the same. */
  function remembered(compute) {
    let [key, result] = [null, null];
    return (data, ...rest) => {
      const now = JSON.stringify(rest);
      if (now !== key) [key, result] = [now, compute(data, ...rest)];
      return result;
    };
  }

  const kit = {
    generator, minibatches, descend, leastSquares, quadratic, range, sum, mean,
    round, grouped, twoDigits, count, fixed, minus, batchName,
    plot, slider, choice, remembered, readHash, writeHash, drawWhenNear,
  };
  const figures = {};

  globalThis.explorers = {
    kit,
    figures,
    /** Add a kind of figure, and bring those of the page to life. */
    define(kind, make) {
      const figure = make(kit);
      figures[kind] = {
        ...figure,
        content: figure.content ?? ((stored, id) => content(figure, stored, id)),
      };
      globalThis.document?.querySelectorAll(`.interactive.${kind}`).forEach((root) =>
        figure.start ? figure.start(root) : start(figure, root)
      );
    },
  };
})();
