// The figure "From bowl to canoe": what mean and spread of a column do to the loss.

explorers.define("scaled-bowl", (kit) => {
  const { plot, slider, choice, fixed, twoDigits, count, range } = kit;
  const MEANS = range(25).map((i) => i / 4);
  const SPREADS = [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4];
  const [START, STEPS] = [[-2, 2], 60];

  /** Return the loss over intercept and slope, for a column of this mean and standard deviation. */
  const bowl = ({ mean, spread, column }) => {
    const m = { raw: mean, centred: 0, scaled: mean / spread, both: 0 }[column];
    const s = column === "raw" || column === "centred" ? spread : 1;
    return { mean: m, ...kit.quadratic([[1, m], [m, m * m + s * s]], [0, 0]) };
  };
  /** Return the steps until the slowest direction has come ten times closer, at 0.9 of the limit. */
  const stepsToTenth = ({ kappa }) => {
    const slowest = Math.max(Math.abs(1 - 1.8 / kappa), 0.8);
    return Math.ceil(Math.log(10) / -Math.log(slowest));
  };
  const path = (state) => {
    const { hessian: [[a, b], [, c]], curvatures } = bowl(state);
    const gradient = ([u, v]) => [a * u + b * v, b * u + c * v];
    const rate = 1.8 / curvatures[1];
    return kit.descend({ n: 1, gradient }, START, { learningRate: rate, batchSize: 1, steps: state.at });
  };

  return {
    controls: [
      slider("mean", "Mean of the raw column", MEANS),
      slider("spread", "Its standard deviation", SPREADS),
      choice("column", "We use the column", { raw: "raw", centred: "centred", scaled: "scaled", both: "centred and scaled" }),
    ],
    defaults: () => ({ mean: 2, spread: 0.5, column: "raw", at: 20 }),
    length: () => STEPS,
    bowl,
    stepsToTenth,
    path,
    panels: (data, state) => [
      (width, height) => {
        const ticks = [-3, -2, -1, 0, 1, 2, 3];
        const axes = { x: [-3, 3], y: [-3, 3], xTicks: ticks, yTicks: ticks, xLabel: "intercept, from the minimum", yLabel: "slope, from the minimum", equal: true };
        const map = plot(axes, width, height);
        const around = bowl(state);
        const least = around.gap(START);
        for (const k of range(8)) map.line(around.contour(least * 4 ** (2 - k)), "contour");
        const way = path(state);
        map.line(way, "curve");
        way.slice(1).forEach((weights) => map.dot(weights, "point", 3));
        map.dot(START, "start", 6);
        map.star([0, 0]);
        return { markup: map.svg("Contours of the loss, and a run at nine tenths of its limit."), frame: map };
      },
      (width, height) => {
        const axes = { x: [0, STEPS], y: [0, 100], xTicks: [0, 20, 40, 60], yTicks: [0, 25, 50, 75, 100], xLabel: "step", yLabel: "distance from the minimum (% of the start)" };
        const map = plot(axes, width, height);
        map.line(path(state).map((w, k) => [k, (100 * Math.hypot(...w)) / Math.hypot(...START)]), "curve");
        return { markup: map.svg("The run's distance from the minimum, step by step."), frame: map };
      },
    ],
    sentence(data, state) {
      const around = bowl(state);
      const steps = stepsToTenth(around);
      const shape = around.kappa < 1.05 ? "a round bowl" : around.kappa < 5 ? "a bowl" : around.kappa < 50 ? "a boat" : "a canoe";
      return (
        `The loss is ${shape}: its condition number κ is ${twoDigits(around.kappa)}. At nine tenths of the limit it takes ` +
        `${count(steps, "step")} to come ten times closer along the bed. After ${count(state.at, "step")} ` +
        `${fixed((100 * Math.hypot(...path(state).at(-1))) / Math.hypot(...START), 0)} % of the distance is left.`
      );
    },
  };
});
