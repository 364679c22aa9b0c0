// The figure "Walk downhill": a map of a loss of two weights, a start to drag, and a run from there.

explorers.define("descent-map", (kit) => {
  const { plot, slider, fixed, twoDigits, count, batchName, range } = kit;
  const MAP = { x: [-0.6, 4.2], y: [0.2, 5] };
  const RATES = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1, 1.1];
  const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000];
  const STEPS = 100;

  const path = kit.remembered(({ line }, start, learningRate, batchSize, seed) =>
    kit.descend(line, start, { learningRate, batchSize, seed, steps: STEPS })
  );
  const walked = (data, { x, y, rate, batch, seed, at }) =>
    path(data, [x, y], rate, batch, seed).slice(0, at + 1);

  return {
    prepare: (data) => ({ ...data, line: kit.leastSquares(data) }),
    controls: [
      slider("rate", "Learning rate η", RATES),
      slider("batch", "Rows in a step, B", SIZES, (size) => (size === 1000 ? "all 1,000" : String(size))),
    ],
    handle: { name: "Start", ...MAP },
    seeded: true,
    defaults: () => ({ rate: 0.8, batch: 1000, x: 2.5, y: 0.5, seed: 0, at: 25 }),
    length: () => STEPS,
    walked,
    panels: (data, state) => [
      (width, height) => {
        const axes = { xLabel: "intercept w₀", yLabel: "slope w₁", xTicks: range(5), yTicks: [1, 2, 3, 4, 5] };
        const map = plot({ ...MAP, ...axes, equal: true }, width, height);
        for (const k of range(14)) map.line(data.line.contour(0.003 * 2.2 ** k), "contour");
        const way = walked(data, state);
        map.line(way, "curve");
        way.slice(1).forEach((weights) => map.dot(weights, "point", state.batch === 1000 ? 3 : 2));
        map.dot(way.at(-1), "spot runner first", 5);
        map.star(data.line.solution);
        const about = "A map of a long valley of elliptic contours with a star at its deepest place, and the path of a run. The sentence below says where it is.";
        return { markup: map.svg(about), frame: map };
      },
    ],
    sentence(data, state) {
      const way = walked(data, state);
      const [end, gap] = [way.at(-1), data.line.gap(way.at(-1))];
      const rows = batchName(state.batch, 1000);
      const who = `${count(way.length - 1, "step")} with ${rows}, from ${fixed(state.x, 2)} and ${fixed(state.y, 2)}`;
      if (gap > 1e3) return `${who}: the run is far outside the map, and climbs. The steps are too long.`;
      const start = data.line.gap(way[0]);
      const share = gap < start && gap > 1e-6 * start ? ` (${twoDigits((100 * gap) / start)} % of what it was)` : "";
      const above = gap < 1e-9 ? "less than a billionth" : twoDigits(gap);
      return `${who}: the weights are ${fixed(end[0], 1)} and ${fixed(end[1], 1)}, and the loss lies ${above} above its least value${share}.`;
    },
  };
});
