// The figure "A race": all rows, 32 rows and single rows, on three clocks.

explorers.define("three-paths", (kit) => {
  const { plot, slider, choice, twoDigits, count, range } = kit;
  const MAP = { x: [-1.4, 2.6], y: [2.2, 5.6] };
  const RATES = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4];
  const RUNNERS = [["all rows", 1000, "first"], ["32 rows", 32, "second"], ["1 row", 1, "third"]];
  const [TICKS, PASSES] = [32, 3]; // of the clock in one pass, and passes

  /** Return how many steps a runner has taken when so many rows have been read, last batch and all. */
  const stepsForRows = (rows, size, n) => {
    const per = Math.ceil(n / size);
    return per * Math.floor(rows / n) + Math.min(per, Math.floor((rows % n) / size));
  };
  const stepsAt = ({ line, overhead }, { clock, at }, size) => {
    if (clock === "steps") return at;
    const rows = (at * line.n) / TICKS;
    if (clock === "rows") return stepsForRows(rows, size, line.n);
    return Math.floor((at / TICKS) * ((overhead + line.n) / (overhead + size)) + 1e-9);
  };
  const path = kit.remembered(({ line }, start, learningRate, seed) =>
    RUNNERS.map(([, batchSize]) =>
      kit.descend(line, start, { learningRate, batchSize, seed, steps: batchSize === 1 ? PASSES * line.n : PASSES * TICKS })
    )
  );
  const walked = (data, state) =>
    path(data, [state.x, state.y], state.rate, state.seed).map((way, i) =>
      way.slice(0, stepsAt(data, state, RUNNERS[i][1]) + 1)
    );

  return {
    prepare: (data) => ({ ...data, line: kit.leastSquares(data) }),
    of: ({ overhead }) => ({
      controls: [
        choice("clock", "The clock counts", { rows: "rows read", steps: "steps", time: `time, with a step's overhead worth ${overhead} rows (NumPy)` }),
        slider("rate", "Learning rate η", RATES),
      ],
    }),
    stepName: "One tick",
    handle: { name: "Start", ...MAP },
    seeded: true,
    defaults: () => ({ clock: "rows", rate: 0.2, x: -1, y: 3, seed: 0, at: 32 }),
    length: () => PASSES * TICKS,
    stepsAt,
    walked,
    panels: (data, state) => [
      (width, height) => {
        const axes = { xLabel: "intercept w₀", yLabel: "slope w₁", xTicks: [-1, 0, 1, 2], yTicks: [3, 4, 5] };
        const map = plot({ ...MAP, ...axes, equal: true }, width, height);
        for (const k of range(14)) map.line(data.line.contour(0.003 * 2.2 ** k), "contour");
        const ways = walked(data, state);
        for (const i of [2, 1, 0]) {
          const kind = RUNNERS[i][2];
          map.line(ways[i], `way ${kind}`);
          if (i < 2) ways[i].slice(1).forEach((weights) => map.dot(weights, `spot ${kind}`, 2.5));
        }
        RUNNERS.forEach(([, , kind], i) => map.dot(ways[i].at(-1), `spot runner ${kind}`, 6));
        map.star(data.line.solution);
        return { markup: map.svg("Three paths on a map of a valley from one start towards the star at its deepest place."), frame: map };
      },
      (width, height) => {
        const axes = { x: [0, PASSES * TICKS], y: [1e-4, 30], log: "y", xTicks: [0, 32, 64, 96].map((t) => [t, String(t)]), yTicks: [0.0001, 0.001, 0.01, 0.1, 1, 10], yLabel: "loss above the least", xLabel: "the clock (32 ticks: one step of all rows)" };
        if (state.clock === "steps") axes.xLabel = "steps";
        const map = plot(axes, width, height);
        const ways = path(data, [state.x, state.y], state.rate, state.seed);
        RUNNERS.forEach(([name, size, kind], i) => {
          const seen = range(state.at + 1).map((at) => [at, data.line.gap(ways[i][Math.min(stepsAt(data, { ...state, at }, size), ways[i].length - 1)])]);
          map.line(seen, `way ${kind}`);
          map.text([4, 20 / 2 ** i], name, `label ${kind}`, "start");
        });
        return { markup: map.svg("The loss above its least value of the three runs against the clock, on a logarithmic axis."), frame: map };
      },
    ],
    sentence(data, state) {
      const ways = walked(data, state);
      const { solution, gap } = data.line;
      const away = ways.map((way) => Math.hypot(way.at(-1)[0] - solution[0], way.at(-1)[1] - solution[1]));
      const gaps = ways.map((way) => gap(way.at(-1)));
      const list = (numbers) => RUNNERS.map(([name], i) => `${name} ${twoDigits(numbers[i])}`).join(", ");
      const first = (numbers) => RUNNERS[numbers.indexOf(Math.min(...numbers))][0];
      const taken = RUNNERS.map(([name], i) => `${name} ${count(ways[i].length - 1, "step")}`).join(", ");
      if (ways.every((way) => way.length === 1)) return "All stand at the start. Let them run.";
      return `So far: ${taken}. Distance to the minimum: ${list(away)}. Loss above the least: ${list(gaps)}. Nearest: ${first(away)}; lowest: ${first(gaps)}.`;
    },
  };
});
