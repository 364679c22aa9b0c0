// The figure "One weight": a run on a parabola, and its loss beside it.

explorers.define("one-parabola", (kit) => {
  const { plot, slider, fixed, twoDigits, count, range } = kit;
  const PRODUCTS = range(45).map((i) => i / 20);
  const [START, MINIMUM, STEPS] = [0.5, 3, 20];

  /** Return the weight after each step, on the parabola of curvature 1. */
  const path = ({ product, at }) =>
    range(at + 1).map((k) => MINIMUM + (1 - product) ** k * (START - MINIMUM));
  const loss = (w) => (w - MINIMUM) ** 2 / 2;

  const way = (product) => {
    if (product === 0) return "The run stands still";
    if (product < 1) return "The run creeps";
    if (product === 1) return "The run hits";
    if (product < 2) return "The run zigzags";
    return product === 2 ? "The run swings for ever" : "The run diverges";
  };

  return {
    controls: [slider("product", "Learning rate times curvature, ηλ", PRODUCTS, (x) => x.toFixed(2))],
    defaults: () => ({ product: 0.2, at: 8 }),
    length: () => STEPS,
    path,
    panels: (data, state) => [
      (width, height) => {
        const axes = { x: [-2.5, 8.5], y: [0, 15], xLabel: "weight w", yLabel: "loss", xTicks: [-2, 0, 3, 6, 8], yTicks: [0, 5, 10, 15] };
        const map = plot(axes, width, height);
        map.line(range(111).map((i) => [-2.5 + i / 10, loss(-2.5 + i / 10)]), "contour");
        const points = path(state).map((w) => [w, loss(w)]);
        map.line(points, "curve");
        points.slice(1).forEach((point) => map.dot(point, "point"));
        map.dot(points[0], "start", 6);
        return { markup: map.svg("A parabola, and a run on it that starts on its left side."), frame: map };
      },
      (width, height) => {
        const axes = { x: [0, STEPS], y: [0, 5], xLabel: "step", yLabel: "loss", xTicks: [0, 5, 10, 15, 20], yTicks: [0, 1, 2, 3, 4, 5] };
        const map = plot(axes, width, height);
        const points = path(state).map((w, k) => [k, loss(w)]);
        map.line(points, "curve");
        points.forEach((point) => map.dot(point, "point"));
        return { markup: map.svg("The loss after each step of the same run."), frame: map };
      },
    ],
    sentence(data, state) {
      const factor = 1 - state.product;
      const left = Math.abs(factor) ** state.at;
      return (
        `${way(state.product)}: each step multiplies the distance to the minimum by ${fixed(factor, 2)}, and the loss by ${twoDigits(factor ** 2)}. ` +
        `After ${count(state.at, "step")} the distance is ${twoDigits(2.5 * left)} (at the start 2.5).`
      );
    },
  };
});
