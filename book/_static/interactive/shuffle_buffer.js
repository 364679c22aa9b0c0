// The figure "A hat for the stream": what a shuffle buffer makes of rows that are sorted by class.

explorers.define("shuffle-buffer", (kit) => {
  const { plot, slider, count, grouped, range, fixed, mean } = kit;
  const [ROWS, CLASSES, BATCH, BINS] = [10000, 10, 40, 50];
  const SIZES = [1, 10, 30, 100, 300, 1000, 2000, 3000, 5000, 10000];

  /** Return the order in which rows 0, 1, … leave the buffer: `through_buffer` of mbgd_lib. */
  function throughBuffer(n, size, seed) {
    const rng = kit.generator(seed);
    const buffer = range(Math.min(size, n));
    const left = [];
    rng.integers(buffer.length, n - buffer.length).forEach((place, i) => {
      left.push(buffer[place]);
      buffer[place] = buffer.length + i;
    });
    return left.concat(rng.shuffle(buffer));
  }
  const classOf = (row) => Math.floor((row * CLASSES) / ROWS);
  const order = kit.remembered((data, size, seed) => throughBuffer(ROWS, size, seed));

  /** Return how many classes a batch holds, on average over the batches so far. */
  const classesInBatch = (rows) =>
    mean(range(Math.floor(rows.length / BATCH)).map((b) => new Set(rows.slice(b * BATCH, (b + 1) * BATCH).map(classOf)).size));
  const soFar = (data, state) => order(data, state.size, state.seed).slice(0, (state.at * ROWS) / BINS);

  return {
    controls: [slider("size", "Rows in the buffer", SIZES, (size) => (size === ROWS ? "all 10,000" : grouped(size)))],
    seeded: true,
    defaults: () => ({ size: 1000, seed: 0, at: BINS }),
    length: () => BINS,
    throughBuffer,
    classesInBatch: (data, state) => classesInBatch(order(data, state.size, state.seed)),
    panels: (data, state) => [
      (width, height) => {
        const axes = { x: [0, ROWS], y: [-0.5, 9.5], xTicks: [0, 2500, 5000, 7500, 10000], yTicks: range(CLASSES), xLabel: "rows that have left the buffer", yLabel: "digit" };
        const map = plot(axes, width, height);
        const rows = soFar(data, state);
        for (const bin of range(state.at)) {
          const shares = Array(CLASSES).fill(0);
          rows.slice((bin * ROWS) / BINS, ((bin + 1) * ROWS) / BINS).forEach((row) => (shares[classOf(row)] += BINS / ROWS));
          shares.forEach((share, digit) => {
            if (share === 0) return;
            const [left, top] = map.over([(bin * ROWS) / BINS, digit + 0.5]);
            const [right, bottom] = map.over([((bin + 1) * ROWS) / BINS, digit - 0.5]);
            map.raw(`<rect class="share" x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${(right - left).toFixed(1)}" height="${(bottom - top).toFixed(1)}" fill-opacity="${Math.sqrt(share).toFixed(2)}"/>`);
          });
        }
        return { markup: map.svg("Ten lines, one for each digit, against the rows that have left the buffer. The darker, the more of the rows there are of this digit. Sorted rows make a staircase, well mixed ones an even grey."), frame: map };
      },
    ],
    sentence(data, state) {
      if (state.at === 0) return "The buffer is full, and no row has left it yet.";
      const rows = soFar(data, state);
      const who = state.size === 1 ? "Without a buffer" : state.size === ROWS ? "Fully shuffled" : `With a buffer of ${grouped(state.size)} rows`;
      const accuracy = data.quoted[{ 1: "sorted_accuracy", 100: "buffer_100", 1000: "buffer_1000", 3000: "buffer_3000", 10000: "shuffled_accuracy" }[state.size]];
      const far = state.at === BINS ? "" : ` so far, after ${count(rows.length, "row")},`;
      const measured = accuracy && state.at === BINS ? ` Measured below: ${accuracy} % of new images right.` : "";
      return `${who} a batch of ${BATCH}${far} holds ${fixed(classesInBatch(rows), 1)} of the ten digits on average.${measured}`;
    },
  };
});
