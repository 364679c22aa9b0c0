// The figure "Edge of stability": how sharp the loss is where a run goes, for each rate and batch.

explorers.define("edge-of-stability", (kit) => {
  const { plot, slider, grouped, round, range, count } = kit;

  const found = (data, { rate, batch }) => data.runs.find((run) => run.rate === rate && run.batch === batch);
  const limit = ({ rate }) => 2/rate;
  const length = (data, { rate }) => Math.round(data.time / rate);
  /** Return points along the steps; the looks are evenly spread over them. */
  const along = (data, state, values) =>
    values.map((y, i) => [Math.round((i * length(data, state)) / data.looks), y]);
  /** The median of the last ten looks. */
  const rests = (values) => {
    const last = values.slice(-10).sort((a, b) => a - b);
    return (last[4] + last[5]) / 2;
  };
  const near = (x, other) => Math.abs(x / other - 1) < 0.2;
  const isWhole = (data, { batch }) => batch === data.rows;
  const name = (data, state) => (isWhole(data, state) ? `All ${data.rows} rows` : `Batches of ${state.batch}`);
  const told = (x) => grouped(round(x, x < 10 ? 2 : 3));

  /** Return ticks at round numbers up to the end, so many or more of them. */
  const ticks = (end, least) => {
    const power = 10 ** Math.floor(Math.log10(end / least));
    const unit = [10, 5, 2, 1].map((k) => k * power).find((step) => end / step >= least) ?? power;
    return range(Math.floor(end / unit) + 1).map((i) => round(i * unit, 6));
  };

  return {
    // The rates and sizes are the data's: see `of`.
    of: (data) => ({
      controls: [
        slider("rate", "Learning rate", data.rates),
        slider("batch", "Batch size B", data.batchSizes, (size) =>
          size === data.rows ? `all ${size} rows` : `${size} rows`
        ),
      ],
    }),
    defaults: () => ({ rate: 0.2, batch: 8 }),
    found,
    along,
    rests,
    panels: (data, state) => [
      (width, height) => {
        const { sharpness, batchSharpness, lost } = found(data, state);
        const [last, edge] = [length(data, state), limit(state)];
        const high = 1.7 * edge;
        const axes = { x: [0, last], y: [0, high], xTicks: ticks(last, 2), yTicks: ticks(high, 4), xLabel: "steps", yLabel: "curvature" };
        const map = plot(axes, width, height);
        map.line([[0, edge], [last, edge]], "fixed");
        if (batchSharpness) map.line(along(data, state, batchSharpness), "way second");
        map.line(along(data, state, sharpness), "way first");
        const [place, side] = batchSharpness ? [0.03, "start"] : [0.97, "end"]; // where no curve is
        map.text([place * last, edge], `2/rate = ${told(edge)}`, "note", side, 9);
        if (lost !== null) map.text([0.5 * last, 0.5 * edge], "the run is lost at once", "note");
        else {
          const [ends, ofBatches] = [rests(sharpness), batchSharpness && rests(batchSharpness)];
          const named = (text, style, y, offset) => map.text([0.97 * last, y], text, `label ${style}`, "end", offset);
          if (!batchSharpness) named("sharpness", "first", ends, ends >= 0.9 * edge ? -20 : 12);
          else {
            // The lower one has its name below, the upper one above; near the axis both are above.
            const apart = Math.abs(ends - ofBatches) > 0.15 * edge;
            const flat = Math.min(ends, ofBatches) < 0.12 * high;
            const [upper, lower] = flat ? [28, 12] : [apart && ofBatches < 0.9 * edge ? 12 : 26, -22];
            const under = ends < ofBatches;
            named("sharpness", "first", ends, under ? lower : upper);
            named("batch sharpness", "second", ofBatches, under ? upper : lower);
          }
        }
        return { markup: map.svg("Curvature against steps, with a dashed line at 2 over the learning rate. The sharpness of the loss rises and levels off at or below the line; the batch sharpness of small batches lies higher, that of large ones about as high or lower."), frame: map };
      },
      (width, height) => {
        const { loss } = found(data, state);
        const last = length(data, state);
        const axes = { x: [0, last], y: [0, 0.7], xTicks: ticks(last, 2), yTicks: [0, 0.2, 0.4, 0.6], xLabel: "steps", yLabel: "training loss" };
        const map = plot(axes, width, height);
        map.line(along(data, state, loss), "way first");
        return { markup: map.svg("Training loss against steps: it falls towards 0, smoothly with a small rate and large batches, in jumps otherwise."), frame: map };
      },
    ],
    sentence(data, state) {
      const { sharpness, batchSharpness, loss, lost } = found(data, state);
      const edge = `2/rate = ${told(limit(state))}`;
      if (lost !== null) {
        const first = batchSharpness ? `batch sharpness was ${told(batchSharpness[0])}` : `sharpness was ${told(sharpness[0])}`;
        return `${name(data, state)}: the loss leaves all bounds within ${count(lost, "step")}. At the start the ${first}; 2/rate is ${told(limit(state))}.`;
      }
      const [ends, most] = [rests(sharpness), Math.max(...sharpness)];
      const whole = found(data, { ...state, batch: data.rows });
      const learns = ` The training loss ends at ${round(loss.at(-1), 2)}.`;
      if (!batchSharpness) {
        return ends > 0.95 * limit(state)
          ? `${name(data, state)}: the sharpness climbs to ${told(most)} and comes to rest at ${told(ends)}, with ${edge}.${learns}`
          : `${name(data, state)}: the sharpness climbs to ${told(most)} and never gets to ${edge}.${learns}`;
      }
      const ofBatches = rests(batchSharpness);
      const below = ends > 0.95 * limit(state) ? "which the sharpness itself has reached" : "the run never gets to the edge";
      const beside = near(ofBatches, limit(state)) ? `close to ${edge}` : `below ${edge}: ${below}`;
      return (
        `${name(data, state)}: the sharpness ends at ${told(ends)}, the batch sharpness at ${told(ofBatches)}, ${beside}. ` +
        `All rows at this rate end at a sharpness of ${told(rests(whole.sharpness))}.${learns}`
      );
    },
  };
});
