// The figure "Orders": which rows an epoch visits, and where the error of a run comes to rest.

explorers.define("four-orders", (kit) => {
  const { plot, slider, choice, twoDigits, count, grouped, range, mean } = kit;
  const RATES = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064];
  const ORDERS = {
    with_replacement: "with replacement",
    sequential: "sorted by target",
    shuffle_once: "one random order",
    reshuffle: "new orders",
    reversed: "every second one reversed",
  };
  const [EPOCHS, SIZE] = [100, 40];

  /** Return each epoch's rows, and the loss gap after each step, from the minimum on. */
  const run = kit.remembered(({ line, sorted }, order, learningRate, seed) => {
    const objective = order === "sequential" ? sorted : line;
    const options = order === "reversed" ? { order: "reshuffle", mirrored: true } : { order };
    const perEpoch = line.n / SIZE;
    const batches = kit.minibatches(line.n, SIZE, { ...options, seed });
    let weights = objective.solution;
    const visits = [];
    const gaps = [];
    for (let step = 0; step < EPOCHS * perEpoch; step++) {
      const rows = batches.next().value;
      const slope = objective.gradient(weights, rows);
      weights = weights.map((w, i) => w - learningRate * slope[i]);
      if (step % perEpoch === 0) visits.push([]);
      visits.at(-1).push(rows);
      gaps.push(objective.gap(weights));
    }
    return { visits, ends: range(EPOCHS).map((epoch) => gaps[(epoch + 1) * perEpoch - 1]) };
  });
  const runOf = (data, state) => run(data, state.order, state.rate, state.seed);
  const missed = (visits, n) => n - new Set(visits.flat()).size;

  /** Return where the ends of epochs count: with reversals, at the end of each reversed one. */
  const counted = (order, ends) => (order === "reversed" ? ends.filter((_, epoch) => epoch % 2 === 1) : ends);

  return {
    prepare: (data) => {
      const order = range(data.y.length).sort((i, j) => data.y[i] - data.y[j] || i - j);
      const sorted = { x: order.map((i) => data.x[i]), y: order.map((i) => data.y[i]) };
      return { ...data, line: kit.leastSquares(data), sorted: kit.leastSquares(sorted) };
    },
    controls: [
      choice("order", "Order of the rows", ORDERS),
      slider("rate", "Learning rate η", RATES),
    ],
    seeded: true,
    defaults: () => ({ order: "reshuffle", rate: 0.016, seed: 0, at: EPOCHS }),
    length: () => EPOCHS,
    run: runOf,
    missed,
    panels: (data, state) => [
      (width, height) => {
        const axes = { x: [0, 25], y: [0, 1000], xTicks: [0, 5, 10, 15, 20, 25], yTicks: [0, 500, 1000], xLabel: "step of the last epoch", yLabel: "row" };
        const map = plot(axes, width, height);
        const { visits } = runOf(data, state);
        const epoch = visits[Math.max(state.at - 1, 0)];
        const [wide, unit] = [(map.box.right - map.box.left) / 25 - 1, (map.box.bottom - map.box.top) / 1000];
        const seen = Math.max(unit, 0.9).toFixed(2);
        const marks = state.at === 0 ? [] : epoch.flatMap((rows, step) => rows.map((row) => {
          const [left, top] = map.over([step, row + 1]);
          return `M${left.toFixed(1)},${top.toFixed(1)}h${wide.toFixed(1)}`;
        }));
        map.raw(`<path class="visits" stroke-width="${seen}" d="${marks.join("")}"/>`);
        return { markup: map.svg("Which of 1,000 rows each of the 25 steps of the last epoch uses."), frame: map };
      },
      (width, height) => {
        const axes = { x: [0, EPOCHS], y: [1e-13, 1e-2], log: "y", xTicks: [0, 25, 50, 75, 100], yTicks: [[1e-12, "10⁻¹²"], [1e-10, "10⁻¹⁰"], [1e-8, "10⁻⁸"], [1e-6, "10⁻⁶"], [1e-4, "10⁻⁴"], [1e-2, "0.01"]], xLabel: "epochs", yLabel: "loss gap at the end of an epoch" };
        const map = plot(axes, width, height);
        const { ends } = runOf(data, state);
        map.line([[0, data.leftOpen], [EPOCHS, data.leftOpen]], "fixed");
        map.text([EPOCHS, data.leftOpen], "what 1,000 rows leave open", "note", "end", 6);
        const floor = data.floors[state.order][RATES.indexOf(state.rate)];
        map.line([[0, floor], [EPOCHS, floor]], "floor");
        const points = ends.slice(0, state.at).map((gap, epoch) => [epoch + 1, gap]);
        map.line(points, "curve");
        if (points.length > 0) map.dot(points.at(-1), "point");
        return { markup: map.svg("The loss gap at the end of each epoch on a logarithmic axis, with a line for the computed floor."), frame: map };
      },
    ],
    sentence(data, state) {
      const { visits, ends } = runOf(data, state);
      const name = ORDERS[state.order];
      const floor = twoDigits(data.floors[state.order][RATES.indexOf(state.rate)]);
      if (state.at === 0) return `Order: ${name}. The run stands at the minimum; the computed floor is ${floor}.`;
      const left = missed(visits[state.at - 1], data.line.n);
      const used = left === 0 ? "every row once" : `some rows twice and missed ${grouped(left)} of 1,000`;
      const late = counted(state.order, ends.slice(0, state.at)).filter((_, i, own) => i >= own.length / 2);
      const rests = late.length > 0 ? ` Over the later half the gap is ${twoDigits(mean(late))} on average; the computed floor is ${floor}.` : "";
      return `From the minimum on, order: ${name}. Epoch ${state.at} used ${used}.${rests} (${count(state.at * 25, "step")}, learning rate ${state.rate}.)`;
    },
  };
});
