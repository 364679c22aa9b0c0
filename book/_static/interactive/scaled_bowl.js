// The figure "From bowl to canoe": what mean and spread of a column do to the loss.

explorers.define("scaled-bowl", (kit) => {
  const { plot, slider, choice, twoDigits, count, range } = kit;
  const MEANS = range(25).map((i) => i / 4);
  const SPREADS = [0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5];
  const [TRUTH, STEPS] = [[2, -2], 60]; // the line to be found, over the centred and scaled column

  /** Return the loss over intercept and slope, for a column of this mean and standard deviation. */
  const bowl = ({ mean, spread, column }) => {
    const m = { raw: mean, centred: 0, scaled: mean / spread, both: 0 }[column];
    const s = column === "raw" || column === "centred" ? spread : 1;
    // The run starts at zero weights: so far from the minimum, in this column's units.
    const start = [-(TRUTH[0] - (TRUTH[1] * m) / s), -TRUTH[1] / s];
    return { start, ...kit.quadratic([[1, m], [m, m * m + s * s]], [0, 0]) };
  };
  /** Return the steps until the slowest direction has come ten times closer, at 0.9 of the limit. */
  const stepsToTenth = ({ kappa }) => {
    const slowest = Math.max(Math.abs(1 - 1.8 / kappa), 0.8);
    return Math.ceil(Math.log(10) / -Math.log(slowest));
  };
  const path = (state) => {
    const { start, hessian: [[a, b], [, c]], curvatures } = bowl(state);
    const gradient = ([u, v]) => [a * u + b * v, b * u + c * v];
    const rate = 1.8 / curvatures[1];
    return kit.descend({ n: 1, gradient }, start, { learningRate: rate, batchSize: 1, steps: state.at });
  };

  /** Return what is left of the loss gap after each step, in per cent. */
  const left = (state) => {
    const around = bowl(state);
    return path(state).map((w) => (100 * around.gap(w)) / around.gap(around.start));
  };

  return {
    controls: [
      slider("mean", "Mean of the raw column", MEANS),
      slider("spread", "Its standard deviation", SPREADS),
      choice("column", "We use the column", { raw: "raw", centred: "centred", scaled: "scaled", both: "centred and scaled" }),
    ],
    defaults: () => ({ mean: 6, spread: 4, column: "raw", at: 20 }),
    length: () => STEPS,
    bowl,
    stepsToTenth,
    path,
    panels: (data, state) => [
      (width, height) => {
        const around = bowl(state);
        const { start } = around;
        const far = 1.3 * Math.max(...start.map(Math.abs), 1);
        const tick = 10 ** Math.floor(Math.log10(far)) * (far / 10 ** Math.floor(Math.log10(far)) < 4 ? 1 : 5);
        const ticks = [-tick, 0, tick];
        const axes = { x: [-far, far], y: [-far, far], xTicks: ticks, yTicks: ticks, xLabel: "intercept, from the minimum", yLabel: "slope, from the minimum", equal: true };
        const map = plot(axes, width, height);
        const first = around.gap(start);
        for (const k of range(9)) map.line(around.contour(first * 4 ** (2 - k)), "contour");
        const way = path(state);
        map.line(way, "curve");
        way.slice(1).forEach((weights) => map.dot(weights, "point", 3));
        map.dot(start, "start", 6);
        map.star([0, 0]);
        return { markup: map.svg("Contours of the loss, and a run at nine tenths of its limit."), frame: map };
      },
      (width, height) => {
        const axes = { x: [0, STEPS], y: [0, 100], xTicks: [0, 20, 40, 60], yTicks: [0, 25, 50, 75, 100], xLabel: "step", yLabel: "loss above the least (% of the start)" };
        const map = plot(axes, width, height);
        map.line(left(state).map((share, k) => [k, share]), "curve");
        return { markup: map.svg("The loss above its least value, step by step."), frame: map };
      },
    ],
    sentence(data, state) {
      const around = bowl(state);
      const steps = stepsToTenth(around);
      const shape = around.kappa < 1.05 ? "a round bowl" : around.kappa < 5 ? "a bowl" : around.kappa < 50 ? "a boat" : "a canoe";
      return (
        `The loss is ${shape}: its condition number κ is ${twoDigits(around.kappa)}. At nine tenths of the limit it takes ` +
        `${count(steps, "step")} to come ten times closer in the slowest direction. After ${count(state.at, "step")} from zero weights ` +
        `${twoDigits(left(state).at(-1))} % of the loss gap is left.`
      );
    },
  };
});
