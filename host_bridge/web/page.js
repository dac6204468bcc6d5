// The page's own few lines: points added to the live chart, units on axes, the colour scheme.
window.gridnexus = {
  // points: for each line, the new [ms, W]; window: [from, to] of the time axis.
  extend(id, points, [from, to]) {
    const element = getElement(id);
    if (!element?.options?.series) return;
    element.options.series.forEach((line, index) => {
      line.data.push(...(points[index] ?? []));
      const kept = line.data.findIndex((point) => point[0] >= from);
      if (kept > 0) line.data.splice(0, kept);
    });
    element.options.xAxis.min = from;
    element.options.xAxis.max = to;
    element.update_chart();
  },

  amount(value, unit) {
    if (value === null || value === undefined || value === "-") return "\u2013";
    const kilo = Math.abs(value) >= 1000;
    const number = kilo ? value / 1000 : value;
    const places = kilo ? 2 : Math.abs(number) < 10 && number % 1 ? 1 : 0;
    return `${number.toFixed(places).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "").replace("-", "\u2212")}\u00a0${kilo ? "k" : ""}${unit}`;
  },
  watts: (value) => gridnexus.amount(value, "W"),
  wattHours: (value) => gridnexus.amount(value, "Wh"),
  written: (value, unit) => (Number.isFinite(value) ? `${String(Math.round(value * 100) / 100).replace("-", "\u2212")}\u00a0${unit}` : "unknown"),
  cents: (value) => gridnexus.written(value, "ct"),
  percent: (value) => gridnexus.written(value, "%"),

  // The choice is kept in a cookie, so that the next page comes in the right colours from the start.
  remember(scheme) {
    document.cookie = `gridnexus_scheme=${scheme}; path=/; max-age=34560000; samesite=strict`;
  },
};
