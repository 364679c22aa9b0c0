// The figure "How the best batch size moves with the machine".
//
// time to target = steps(B) × (overhead + B), in units of the work on one row.
//
// The build calls `content` once, in Node.js, for what a page shows before scripts run or without
// them; in the browser `start` takes over from there.

explorers.define("time-to-target", (kit) => {
  const { round, grouped, twoDigits, drawWhenNear } = kit;

  /** Return the time to the target for each batch size; `time_to_target` of mbgd_lib is its equal. */
  function timeToTarget(steps, batchSizes, overhead) {
    return steps.map((count, i) => count * (overhead + batchSizes[i]));
  }

  /** Return the first and the last batch size around the best one with at most so many times its time. */
  function within(median, best, most) {
    let [first, last] = [best, best];
    while (median[first - 1] <= most) first--;
    while (median[last + 1] <= most) last++;
    return [first, last];
  }

  /** Return the times as multiples of the least one, the seeds' quartiles too. */
  function relativeTimes(data, { overhead, target }) {
    // Where NumPy's overhead is meant, a step costs what was measured; elsewhere, what the line says.
    const measured = overhead === data.overhead;
    const times = (steps) =>
      measured ? steps.map((count, i) => count * data.seconds[i]) : timeToTarget(steps, data.batchSizes, overhead);
    const { low, median, high } = data.targets[target];
    const least = Math.min(...times(median));
    const relative = (steps) => times(steps).map((time) => time / least);
    return {
      best: times(median).indexOf(least),
      low: relative(low),
      median: relative(median),
      high: relative(high),
    };
  }

  /** Say in words what the curve shows. */
  function sentence(data, state) {
    const { best, median } = relativeTimes(data, state);
    const name = (i) => {
      if (data.batchSizes[i] === 1) return ["single rows", "are", "take"];
      if (data.batchSizes[i] === data.rows) return ["the full batch", "is", "takes"];
      return [`batches of ${grouped(data.batchSizes[i])}`, "are", "take"];
    };
    const [fastest, be] = name(best);
    const [low, high] = within(median, best, TIE);
    const ends = [0, median.length - 1].filter((i) => i < low || i > high).map((i, position) => {
      const [who, , takes] = name(i);
      return position === 0
        ? `${who} ${takes} ${twoDigits(median[i])} times as long`
        : `${who} ${twoDigits(median[i])} times`;
    });
    const target = data.targets[state.target].target;
    let text = `An overhead worth ${rows(state.overhead)}, a target loss of ${target}: `;
    text += low === high ? `${fastest} ${be} fastest` : `batches of ${between(data, low, high)} tie`;
    text += `; ${ends.join(", ")}.`;
    const [first, last] = within(median, best, NEAR);
    if (first < last) {
      const [from, to] = [first, last].map((i) => grouped(data.batchSizes[i]));
      text += ` From ${from} to ${to} rows the time is within a quarter of the best.`;
    }
    return text;
  }

  // Times so close are told apart by chance alone.
  const TIE = 1.05;
  const NEAR = 1.25;

  function between(data, first, last) {
    const [from, to] = [first, last].map((i) => grouped(data.batchSizes[i]));
    return `${from} ${last - first > 1 ? "to" : "and"} ${to}`;
  }

  // --- the overhead of this browser ---

  const [PIXELS, DIGITS] = [784, 10];
  const TIMED = [1, 4, 16, 64, 256];
  const [ROUNDS, MILLISECONDS] = [6, 12];

  /** Take a step of softmax regression with the first rows of X, as chapter 6 does. */
  function softmaxStep(weights, gradient, X, labels, size, rate) {
    gradient.fill(0);
    const scores = new Float64Array(DIGITS);
    for (let row = 0; row < size; row++) {
      scores.fill(0);
      const first = row * PIXELS;
      for (let j = 0; j < PIXELS; j++) {
        for (let c = 0; c < DIGITS; c++) scores[c] += X[first + j] * weights[j * DIGITS + c];
      }
      const highest = Math.max(...scores);
      let total = 0;
      for (let c = 0; c < DIGITS; c++) total += scores[c] = Math.exp(scores[c] - highest);
      for (let c = 0; c < DIGITS; c++) scores[c] = scores[c] / total - (c === labels[row] ? 1 : 0);
      for (let j = 0; j < PIXELS; j++) {
        for (let c = 0; c < DIGITS; c++) gradient[j * DIGITS + c] += X[first + j] * scores[c];
      }
    }
    for (let i = 0; i < gradient.length; i++) weights[i] -= (rate / size) * gradient[i];
  }

  /** Return a / c of a + c B fitted to times, with the least squares of the relative errors. */
  function overheadInRows(sizes, times) {
    let [aa, ab, bb, a1, b1] = [0, 0, 0, 0, 0];
    sizes.forEach((size, i) => {
      const [a, b] = [1 / times[i], size / times[i]];
      [aa, ab, bb, a1, b1] = [aa + a * a, ab + a * b, bb + b * b, a1 + a, b1 + b];
    });
    const [fixed, each] = [a1 * bb - b1 * ab, b1 * aa - a1 * ab]; // over the same determinant
    return fixed > 0 && each > 0 ? fixed / each : NaN;
  }

  /** Time steps of several sizes here, the least of several rounds, and return the overhead. */
  async function timeThisBrowser() {
    const X = Float32Array.from({ length: TIMED.at(-1) * PIXELS }, (_, i) => (i % 7) / 7);
    const labels = Array.from({ length: TIMED.at(-1) }, (_, i) => i % DIGITS);
    const [weights, gradient] = [new Float32Array(PIXELS * DIGITS), new Float32Array(PIXELS * DIGITS)];
    const least = TIMED.map(() => Infinity);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, size] of TIMED.entries()) {
        const began = performance.now();
        let [made, spent] = [0, 0];
        for (; spent < MILLISECONDS; spent = performance.now() - began, made++) {
          softmaxStep(weights, gradient, X, labels, size, 0.01);
        }
        if (round > 0) least[i] = Math.min(least[i], spent / made); // the first warms up
        await new Promise((go) => setTimeout(go)); // let the page breathe
      }
    }
    return overheadInRows(TIMED, least);
  }

  // --- the state, and where it is kept ---

  /** Where the slider can stand: ten numbers to the decade, as round as they can be. */
  const OVERHEADS = [-1, 0, 1, 2, 3, 4]
    .flatMap((power) => [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].map((x) => round(x * 10 ** power)))
    .concat(1e5);

  function defaults(data) {
    return { overhead: data.overhead, target: data.targets.length - 1 };
  }

  /** Return the state in an address such as #id?overhead=300&target=0.38, or null if it has none. */
  function readHash(hash, id, data) {
    if (!hash.startsWith(`#${id}?`)) return null;
    const given = new URLSearchParams(hash.slice(id.length + 2));
    const state = defaults(data);
    const overhead = round(Number(given.get("overhead")));
    if (overhead >= OVERHEADS[0] && overhead <= OVERHEADS.at(-1)) state.overhead = overhead;
    const target = data.targets.findIndex((t) => t.target === Number(given.get("target")));
    if (target >= 0) state.target = target;
    return state;
  }

  function writeHash(id, data, { overhead, target }) {
    return `#${id}?overhead=${overhead}&target=${data.targets[target].target}`;
  }

  function nearest(overhead) {
    const distance = (x) => Math.abs(Math.log(x / overhead));
    return OVERHEADS.reduce((best, x, i) => (distance(x) < distance(OVERHEADS[best]) ? i : best), 0);
  }

  // --- numbers in words ---

  function rows(x) {
    return `${grouped(x)} ${x === 1 ? "row" : "rows"}`;
  }

  // --- the picture ---

  const MARGIN = { left: 48, right: 24, top: 34, bottom: 50 };
  const UNDER = 36; // below the minimum, for its label

  /** Draw the curve as SVG, in CSS pixels. */
  function picture(data, state, width, height) {
    const { left } = MARGIN;
    const [right, bottom] = [width - MARGIN.right, height - MARGIN.bottom];
    const sizes = data.batchSizes;
    const span = Math.log(sizes.at(-1) / sizes[0]);
    const decades = Math.log10(highest(data));
    const decade = (bottom - UNDER - MARGIN.top) / decades;
    const x = (i) => left + ((right - left) * Math.log(sizes[i] / sizes[0])) / span;
    const y = (time) => bottom - UNDER - decade * Math.log10(time);
    const line = (times, cut = "M") => cut + times.map((t, i) => `${at(x(i))},${at(y(t))}`).join("L");

    const parts = [];
    const label = (px, py, text, kind, anchor = "middle") =>
      parts.push(
        `<text class="${kind}" x="${at(px)}" y="${at(py)}" text-anchor="${anchor}">${text}</text>`
      );
    const stroke = (path, kind) => parts.push(`<path class="${kind}" d="${path}"/>`);

    for (let power = 0; power <= decades; power++) {
      for (const digit of decade > 110 ? [1, 2, 5] : [1]) {
        const time = digit * 10 ** power;
        if (Math.log10(time) > decades) break;
        stroke(`M${left},${at(y(time))}H${right}`, "grid");
        label(left - 8, y(time) + 4.5, `${grouped(time)}×`, "tick", "end");
      }
    }
    const every = Math.ceil(46 / ((right - left) / (sizes.length - 1)));
    sizes.forEach((size, i) => {
      stroke(`M${at(x(i))},${bottom}v${i % every ? 4 : 7}`, "axis");
      if (i % every === 0) label(x(i), bottom + 22, grouped(size), "tick");
    });
    stroke(`M${left},${MARGIN.top}V${bottom}H${right}`, "axis");
    label(0, 16, "Time to target, in multiples of the fastest", "title", "start");
    label((left + right) / 2, height - 6, "Batch size B (rows)", "title");

    const fixed = relativeTimes(data, defaults(data));
    stroke(line(fixed.median), "fixed");
    stroke(star(x(fixed.best), y(1), 8), "fixed-best");

    const now = relativeTimes(data, state);
    const back = now.low.map((t, i) => `${at(x(i))},${at(y(t))}`).reverse().join("L");
    stroke(`${line(now.high)}L${back}Z`, "band");
    stroke(line(now.median), "curve");
    now.median.forEach((time, i) => {
      if (i !== now.best) {
        parts.push(`<circle class="point" cx="${at(x(i))}" cy="${at(y(time))}" r="3.5"/>`);
      }
    });
    for (const [i, aside, anchor] of [[0, 5, "start"], [sizes.length - 1, 0, "end"]]) {
      if (i !== now.best) {
        label(x(i) + aside, y(now.high[i]) - 9, `${twoDigits(now.median[i])}×`, "end", anchor);
      }
    }
    stroke(star(x(now.best), y(1), 12), "best");
    const [low, high] = within(now.median, now.best, TIE);
    const text =
      low === high ? `fastest: B = ${grouped(sizes[low])}` : `fastest: B = ${between(data, low, high)}`;
    const half = 4 * text.length;
    label(Math.min(Math.max(x(now.best), left + half), width - half), y(1) + 26, text, "best-label");

    const about =
      "A curve of the time to the target against the batch size, both axes logarithmic, with a " +
      "star at the fastest. The sentence below says what it shows, the table has its numbers.";
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${about}" ` +
      `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${parts.join("")}</svg>`
    );
  }

  /** The highest multiple that any setting can show: it lies at one end of the slider. */
  function highest(data) {
    const ends = [OVERHEADS[0], OVERHEADS.at(-1)];
    const times = data.targets.flatMap((_, target) =>
      ends.flatMap((overhead) => relativeTimes(data, { overhead, target }).high)
    );
    return Math.max(10, ...times) * 1.6; // and room for a label
  }

  function star(x, y, radius) {
    const corners = Array.from({ length: 10 }, (_, i) => {
      const r = i % 2 ? 0.42 * radius : radius;
      return `${at(x + r * Math.sin((i * Math.PI) / 5))},${at(y - r * Math.cos((i * Math.PI) / 5))}`;
    });
    return `M${corners.join("L")}Z`;
  }

  function at(pixels) {
    return Math.round(pixels * 10) / 10;
  }

  // --- the page ---

  /** Return the whole figure but its caption, at its defaults. */
  function content(data, id) {
    const state = defaults(data);
    const targets = data.targets.map(
      ({ target }, i) =>
        `<label><input type="radio" name="${id}-target" value="${i}" autocomplete="off"` +
        `${i === state.target ? " checked" : ""}> ${target}</label>`
    );
    const presets = data.presets.map(
      ({ name, overhead }) =>
        `<button type="button" value="${overhead}">${name}: ${rows(overhead)}</button>`
    );
    const ticks = OVERHEADS.filter((_, i) => i % 20 === 0).map((x) => `<span>${grouped(x)}</span>`);
    const key = (kind, path, text) =>
      `<li><svg aria-hidden="true" width="34" height="16" viewBox="0 0 34 16">` +
      `<path class="${kind}" d="${path}"/></svg><span>${text}</span></li>`;
    return `
<fieldset class="controls" disabled>
<div class="slider">
<label for="${id}-overhead">Overhead of a step: <b>${rows(state.overhead)}</b></label>
<input id="${id}-overhead" type="range" min="0" max="${OVERHEADS.length - 1}" step="1"
 value="${nearest(state.overhead)}" aria-valuetext="${rows(state.overhead)}" autocomplete="off">
<div class="ticks" aria-hidden="true">${ticks.join("")}</div>
</div>
<fieldset class="presets"><legend>Overheads that were measured</legend>${presets.join("")}<button type="button" class="time-here">Time this browser</button></fieldset>
<p class="timed" role="status"></p>
<fieldset class="targets"><legend>Target loss</legend>${targets.join("")}</fieldset>
<button type="button" class="back">Back to NumPy's overhead</button>
</fieldset>
<div class="chart">${picture(data, state, 640, 400)}${picture(data, state, 340, 336)}</div>
<p class="sentence" aria-live="polite">${sentence(data, state)}</p>
<ul class="key">
${key("curve", "M0,8H34", "this setting, median of the seeds")}
${key("band", "M0,2H34V14H0Z", "their middle half")}
${key("fixed", "M0,8H34", `NumPy's overhead: ${rows(state.overhead)}, target ${data.targets[state.target].target}`)}
${key("best", star(17, 8, 8), "the fastest")}
</ul>
<noscript><p>The slider needs JavaScript. The picture and the numbers are those of NumPy's overhead.</p></noscript>
<details><summary>The numbers of the curve</summary>
<table><thead><tr><th scope="col">B</th><th scope="col">Steps, median (middle half)</th><th scope="col">Time</th></tr></thead>
<tbody>${tableRows(data, state)}</tbody></table>
</details>`;
  }

  function tableRows(data, state) {
    const { low, median, high } = data.targets[state.target];
    const whole = (x) => grouped(Math.round(x));
    return relativeTimes(data, state)
      .median.map(
        (time, i) =>
          `<tr><th scope="row">${grouped(data.batchSizes[i])}</th><td>${whole(median[i])} ` +
          `(${whole(low[i])}–${whole(high[i])})</td><td>${twoDigits(time)}×</td></tr>`
      )
      .join("");
  }

  function start(root) {
    const { id } = root.closest("figure");
    const data = JSON.parse(root.querySelector("script").textContent);
    const find = (selector) => root.querySelector(selector);
    const [chart, slider] = [find(".chart"), find("input[type=range]")];
    const radios = [...root.querySelectorAll("input[type=radio]")];
    let state = defaults(data);
    let waiting;

    const draw = () => {
      chart.innerHTML = picture(data, state, chart.clientWidth, chart.clientHeight);
    };
    const show = () => {
      slider.value = nearest(state.overhead);
      slider.setAttribute("aria-valuetext", rows(state.overhead));
      find(".slider b").textContent = rows(state.overhead);
      radios[state.target].checked = true;
      find(".sentence").textContent = sentence(data, state);
      find("tbody").innerHTML = tableRows(data, state);
      draw();
    };
    const choose = (change) => {
      state = { ...state, ...change };
      show();
      // Browsers refuse to change the address many times a second.
      clearTimeout(waiting);
      waiting = setTimeout(
        () => history.replaceState(history.state, "", writeHash(id, data, state)),
        250
      );
    };
    const obey = () => {
      const wanted = readHash(location.hash, id, data);
      if (wanted) {
        state = wanted;
        show();
        root.closest("figure").scrollIntoView();
      }
    };

    slider.addEventListener("input", () => choose({ overhead: OVERHEADS[slider.value] }));
    radios.forEach((radio, target) => radio.addEventListener("change", () => choose({ target })));
    root.querySelectorAll(".presets button[value]").forEach((button) =>
      button.addEventListener("click", () => choose({ overhead: Number(button.value) }))
    );
    find("button.back").addEventListener("click", () => choose(defaults(data)));
    const timer = find(".time-here");
    timer.addEventListener("click", async () => {
      timer.disabled = true;
      find(".timed").textContent = "Timing some steps of plain JavaScript …";
      const overhead = await timeThisBrowser();
      const clear = Number.isFinite(overhead);
      find(".timed").textContent = clear
        ? `Measured here just now, with steps of softmax regression in plain JavaScript: an overhead worth ${twoDigits(overhead)} rows.`
        : "The times did not fit a line. Try again when the machine is quiet.";
      timer.disabled = false;
      if (clear) choose({ overhead: Math.min(Math.max(round(overhead, 2), OVERHEADS[0]), OVERHEADS.at(-1)) });
    });
    window.addEventListener("hashchange", obey);
    drawWhenNear(chart, draw);
    find(".controls").disabled = false;
    obey();
  }

  return { content, start, timeToTarget, overheadInRows, softmaxStep, relativeTimes, sentence, readHash, writeHash, defaults, OVERHEADS };
});
