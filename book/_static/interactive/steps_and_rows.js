// The figure "Steps or rows": what a batch size saves of the one, and costs of the other.

explorers.define("steps-and-rows", (kit) => {
  const { plot, slider, choice, twoDigits, grouped, round } = kit;
  const AXIS = [1, 10, 100, 1000];

  const measured = (data, { target, batch }) => {
    const { steps, least, critical } = data.targets[Number(target)];
    const i = data.batchSizes.indexOf(batch);
    return { steps: steps[i], rows: steps[i] * batch, leastSteps: least, leastRows: least * critical, critical };
  };

  return {
    // The sizes and targets are the data's: see `of`.
    of: (data) => ({
      controls: [
        slider("batch", "Batch size B", data.batchSizes, (size) => `${grouped(size)} ${size === 1 ? "row" : "rows"}`),
        choice("target", "Target loss", Object.fromEntries(data.targets.map(({ target }, i) => [String(i), String(target)]))),
      ],
    }),
    defaults: (data) => ({ batch: 32, target: String(data.targets.length - 1) }),
    measured,
    panels: (data, state) => [
      (width, height) => {
        const { least, critical, steps } = data.targets[Number(state.target)];
        const last = data.batchSizes.at(-1);
        const axes = { x: [0.8, 1.25 * last], y: [0.7, 1000], log: "xy", xTicks: [1, 8, 64, 512, 4096], yTicks: AXIS.map((y) => [y, `${grouped(y)}×`]), xLabel: "batch size B (rows)", yLabel: "in multiples of the fewest" };
        const map = plot(axes, width, height);
        const smooth = kit.range(81).map((i) => last ** (i / 80));
        map.line(smooth.map((B) => [B, 1 + critical / B]), "way first");
        map.line(smooth.map((B) => [B, 1 + B / critical]), "way second");
        map.line([[critical, 0.7], [critical, 1000]], "fixed");
        steps.forEach((count, i) => {
          map.dot([data.batchSizes[i], count / least], "spot first", 3.5);
          map.dot([data.batchSizes[i], (count * data.batchSizes[i]) / (least * critical)], "spot second", 3.5);
        });
        const now = measured(data, state);
        map.dot([state.batch, now.steps / now.leastSteps], "spot runner first", 8);
        map.dot([state.batch, now.rows / now.leastRows], "spot runner second", 8);
        map.text([2.2, 300], "steps", "label first", "start");
        map.text([last / 2, 120], "rows read", "label second", "end");
        map.text([critical * 0.9, 500], `they meet at ${grouped(Math.round(critical))}`, "note", "end");
        return { markup: map.svg("Two curves against the batch size on logarithmic axes. Steps fall and level off, rows read are level and then rise. They cross at twice the fewest of each."), frame: map };
      },
    ],
    sentence(data, state) {
      const { steps, rows, leastSteps, leastRows, critical } = measured(data, state);
      const who = state.batch === 1 ? "Single rows" : state.batch === data.rows ? "All rows at once" : `Batches of ${grouped(state.batch)}`;
      return (
        `${who} take ${grouped(Math.round(steps))} steps to a loss of ${data.targets[Number(state.target)].target}, ${twoDigits(steps / leastSteps)} times the formula's fewest, ` +
        `and read ${grouped(round(rows, 3))} rows, ${twoDigits(rows / leastRows)} times its fewest. The curves meet at ${grouped(Math.round(critical))} rows, the critical batch size.`
      );
    },
  };
});
