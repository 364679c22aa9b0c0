// The figure "Where does it end?": runs on a rugged landscape, and the basins without noise.

explorers.define("rugged-surface", (kit) => {
  const { plot, slider, fixed, grouped, batchName, range, sum } = kit;
  const MAP = { x: [-100, 100], y: [-100, 100] };
  const RATES = [0.005, 0.01, 0.02, 0.04, 0.08];
  const SIZES = [1, 2, 5, 10, 20, 50, 100, 1000];
  const [DISTANCE, PERIOD, DRAWN] = [200, 50, 1200]; // rate times steps; the sine's; points of a path

  /** The loss ½ r² sin(π r / 50) of a line: `TrigonometricSurface` of mbgd_lib. */
  function surface({ x, y }) {
    const gradient = ([b, w], rows) => {
      let [first, second] = [0, 0];
      const count = rows ? rows.length : x.length;
      for (let k = 0; k < count; k++) {
        const i = rows ? rows[k] : k;
        const residual = b + w * x[i] - y[i];
        const angle = (Math.PI / PERIOD) * residual;
        const slope = residual * (Math.sin(angle) + (angle * Math.cos(angle)) / 2);
        first += slope;
        second += slope * x[i];
      }
      return [first / count, second / count];
    };
    const value = ([b, w]) =>
      sum(x.map((v, i) => (b + w * v - y[i]) ** 2 * Math.sin((Math.PI / PERIOD) * (b + w * v - y[i])))) / (2 * x.length);
    const clip = (weights) => weights.map((w) => Math.min(Math.max(w, -100), 100));
    return { n: x.length, gradient, value, clip };
  }

  /** Return the number of the minimum that a place is in the valley of: `settle` and `nearest`. */
  function valley({ rugged, places }, weights) {
    for (let step = 0; step < 3000; step++) {
      const before = weights;
      const slope = rugged.gradient(weights);
      weights = rugged.clip(weights.map((w, i) => w - 0.03 * slope[i]));
      if (step % 20 === 19 && Math.max(...weights.map((w, i) => Math.abs(w - before[i]))) <= 0.03 * 0.03) break;
    }
    const away = places.map(({ at: [b, w] }) => Math.hypot(weights[0] - b, weights[1] - w));
    const nearest = away.indexOf(Math.min(...away));
    return away[nearest] <= 10 ? nearest : places.length;
  }

  const length = (data, { rate }) => Math.round(DISTANCE / rate);
  const path = kit.remembered(({ rugged }, start, learningRate, batchSize, seed) =>
    kit.descend(rugged, start, { learningRate, batchSize, seed, steps: Math.round(DISTANCE / learningRate) })
  );
  const walked = (data, { x, y, rate, batch, seed }) => path(data, [x, y], rate, batch, seed);
  const endOf = kit.remembered((data, settings) => valley(data, walked(data, settings).at(-1)));
  const end = (data, { x, y, rate, batch, seed }) => endOf(data, { x, y, rate, batch, seed });

  /** Where runs with these settings have ended so far; forgotten when the page is left. */
  const endsFor = (data, { rate, batch }) => (data.ends[`${rate} ${batch}`] ??= []);
  const note = (data, state) => {
    const ends = endsFor(data, state);
    const drawn = state.batch < data.rugged.n; // of all rows nothing is drawn
    const known = ends.find(({ x, y, seed }) => x === state.x && y === state.y && (!drawn || seed === state.seed));
    if (!known) ends.push({ x: state.x, y: state.y, seed: state.seed, end: end(data, state) });
  };
  const someRuns = (data, state) => {
    const rng = kit.generator(state.seed);
    // So many that the page does not stand still for more than a second or so.
    const some = Math.min(12, Math.ceil(1.2e7 / (length(data, state) * state.batch)));
    for (const k of range(some)) {
      const [x, y] = rng.integers(101, 2).map((i) => i - 50);
      note(data, { ...state, x, y, seed: (state.seed + k) % 10000 });
    }
    return { seed: (state.seed + some) % 10000 };
  };

  return {
    prepare: (data) => ({ ...data, rugged: surface(data), ends: {} }),
    controls: [
      slider("rate", "Learning rate η", RATES),
      slider("batch", "Rows in a step, B", SIZES, (size) => (size === 1000 ? "all 1,000" : String(size))),
    ],
    handle: { name: "Start", ...MAP },
    seeded: true,
    buttons: [["some", "Starts at random", someRuns]],
    forget: (data) => (data.ends = {}),
    defaults: (data) => ({ rate: 0.08, batch: 50, x: 12, y: -42, seed: 0, at: length(data, { rate: 0.08 }) }),
    length,
    walked,
    end,
    panels: (data, state) => {
      const finished = state.at >= length(data, state);
      if (finished) note(data, state);
      const axes = { ...MAP, xTicks: [-100, -50, 0, 50, 100], yTicks: [-100, -50, 0, 50, 100], xLabel: "intercept b", yLabel: "slope w", equal: true };
      return [
        (width, height) => {
          const map = plot(axes, width, height);
          map.image(data.bands);
          const way = walked(data, state).slice(0, state.at + 1);
          const every = Math.ceil(way.length / DRAWN);
          const thin = way.filter((_, i) => i % every === 0 || i === way.length - 1);
          map.line(thin, "walk rim");
          map.line(thin, "walk");
          map.dot(way.at(-1), "walker", 5);
          for (const { name, at } of data.places) {
            map.text([Math.min(at[0], 97), at[1]], name, "on-map", at[0] > 50 ? "end" : "middle", 12);
          }
          return { markup: map.svg("A rugged landscape, dark is low, with three named minima and the path of a run."), frame: map };
        },
        (width, height) => {
          const map = plot(axes, width, height);
          map.image(data.basins);
          for (const { x, y, end: place } of endsFor(data, state)) map.dot([x, y], `tried place-${place}`, 5);
          return { markup: map.svg("The same square, coloured by where a run without noise ends, and a dot for each start that was tried, coloured by where its run ended."), frame: map };
        },
      ];
    },
    sentence(data, state) {
      const rows = batchName(state.batch, 1000);
      const who = `From ${fixed(state.x, 0)} and ${fixed(state.y, 0)} with ${rows}, η/B = ${kit.round(state.rate / state.batch, 2)}`;
      const ends = endsFor(data, state);
      const best = ends.filter(({ end: place }) => place === 0).length;
      const tally = ends.length === 0 ? "" : ` Of ${ends.length === 1 ? "one start" : `${ends.length} starts`} tried with this η and B, ${best} ended in the global one.`;
      if (state.at < length(data, state)) return `${who}: after ${grouped(state.at)} of ${grouped(length(data, state))} steps the run is still on its way.${tally}`;
      const names = [...data.places.map(({ name }) => `in the valley of the ${name} minimum`), "elsewhere"];
      return `${who}: after ${grouped(state.at)} steps the run is ${names[end(data, state)]}.${tally}`;
    },
  };
});
