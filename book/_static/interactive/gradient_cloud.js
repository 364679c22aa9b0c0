// The figure "A poll of the rows": which way batches point, and which way all rows do.

explorers.define("gradient-cloud", (kit) => {
  const { plot, slider, fixed, twoDigits, batchName, range, mean } = kit;
  const MAP = { x: [-0.2, 2.2], y: [2, 4.4] };
  const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000];
  const [CLOUD, RATE] = [60, 0.3];

  const batches = kit.remembered(({ line }, size, seed) => {
    const draws = kit.minibatches(line.n, line.n, { seed });
    return range(CLOUD).map(() => draws.next().value.slice(0, size));
  });
  const steps = (data, { x, y, batch, seed }) =>
    batches(data, batch, seed).map((rows) => data.line.gradient([x, y], rows).map((g) => -RATE * g));

  /** Return the length of all rows' gradient, and the root mean square of a batch's distance to it. */
  const error = ({ line }, { x, y, batch }) => {
    const full = line.gradient([x, y]);
    const squares = range(line.n).map((i) => {
      const own = line.gradient([x, y], [i]);
      return (own[0] - full[0]) ** 2 + (own[1] - full[1]) ** 2;
    });
    const variance = (mean(squares) / batch) * ((line.n - batch) / (line.n - 1));
    return { length: Math.hypot(...full), typical: Math.sqrt(variance) };
  };

  return {
    prepare: (data) => ({ ...data, line: kit.leastSquares(data) }),
    controls: [slider("batch", "Rows in a batch, B", SIZES, (size) => (size === 1000 ? "all 1,000" : String(size)))],
    handle: { name: "Place", ...MAP },
    seeded: true,
    buttons: [["minimum", "Go to the minimum", ({ line: { solution: [x, y] } }) => ({ x, y })]],
    defaults: () => ({ batch: 4, x: 0.2, y: 2.4, seed: 0 }),
    steps,
    error,
    panels: (data, state) => [
      (width, height) => {
        const axes = { xLabel: "intercept w₀", yLabel: "slope w₁", xTicks: [0, 1, 2], yTicks: [2, 3, 4] };
        const map = plot({ ...MAP, ...axes, equal: true }, width, height);
        for (const k of range(14)) map.line(data.line.contour(0.003 * 2.2 ** k), "contour");
        const place = [state.x, state.y];
        const after = (step) => [place[0] + step[0], place[1] + step[1]];
        for (const step of steps(data, state)) {
          map.line([place, after(step)], "ray");
          map.dot(after(step), "ray-end", 2.5);
        }
        const full = data.line.gradient(place).map((g) => -RATE * g);
        map.line([place, after(full)], "arrow");
        map.dot(after(full), "arrow-end", 5);
        map.star(data.line.solution);
        return { markup: map.svg("From one place on a map of a valley a thick line shows the step of all rows, and sixty thin ones those of batches."), frame: map };
      },
    ],
    sentence(data, state) {
      const { length, typical } = error(data, state);
      const who = batchName(state.batch, 1000);
      const long = length < 1e-9 ? "no length" : `the length ${twoDigits(length)}`;
      const here = `At intercept ${fixed(state.x, 2)} and slope ${fixed(state.y, 2)} the gradient of all rows has ${long}.`;
      if (state.batch >= 1000) return `${here} With all rows there is nothing to be off by.`;
      const off = `${who[0].toUpperCase()}${who.slice(1)} are off by ${kit.round(typical)}, typically (computed from all rows)`;
      return length < 1e-9 ? `${here} ${off}: they see a slope where there is none.` : `${here} ${off}: ${twoDigits(typical / length)} times that length.`;
    },
  };
});
