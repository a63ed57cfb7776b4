"use strict";
// Two charts over one time axis with one legend; colours come from the style sheet.
(() => {
  const data = JSON.parse(document.getElementById("curves").textContent);
  const hidden = new Set();
  const charts = [];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const day = (s) => new Date(s * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
  const DASHES = { solid: [], dashed: [7, 4], dotted: [2, 3] };
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // Axis labels by how far apart they are: months, days or hours; the year where it begins.
  function times(u, splits, _axis, _space, step) {
    let year = null;
    return splits.map((s) => {
      const at = new Date(s * 1000);
      const date = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
      const clock = at.toISOString().slice(11, 16);
      let label = step >= 28 * 86400 ? MONTHS[at.getUTCMonth()] : date;
      if (step < 86400) label = clock === "00:00" ? date : clock;
      const first = year !== at.getUTCFullYear();
      year = at.getUTCFullYear();
      return first ? `${label}\n${year}` : label;
    });
  }

  function tooltip(figure, key) {
    const tip = figure.appendChild(element("div", "tip"));
    return (u) => {
      const index = u.cursor.idx;
      const shown = u.cursor.left >= 0 && index !== null && index !== undefined;
      tip.classList.toggle("shown", shown);
      if (!shown) return;
      tip.replaceChildren(element("div", "when", day(data.times[index])));
      const order = data.series.map((_, n) => n).filter((n) => !hidden.has(n));
      const value = (n) => data.series[n][key][index];
      const sign = key === "log_loss" ? 1 : -1;
      order.sort((a, b) => sign * ((value(a) ?? sign * 9) - (value(b) ?? sign * 9)));
      for (const n of order) {
        const row = tip.appendChild(element("div"));
        row.append(element("span", `swatch ${data.series[n].line} ${data.series[n].dash}`));
        row.append(data.series[n].name, element("b", "", value(n) === null ? "–" : value(n).toFixed(4)));
      }
      const plot = u.over.getBoundingClientRect();
      const box = figure.getBoundingClientRect();
      const x = plot.left - box.left + u.cursor.left;
      const left = x + 16 + tip.offsetWidth > box.width ? x - 16 - tip.offsetWidth : x + 16;
      tip.style.left = `${Math.max(0, left)}px`;
    };
  }

  function chart(figure) {
    const key = figure.dataset.metric;
    const axis = {
      stroke: () => style("--soft"), grid: { stroke: () => style("--grid"), width: 1 },
      ticks: { show: false }, font: "12px system-ui, 'Liberation Sans', sans-serif",
    };
    const series = data.series.map((one, n) => ({
      label: one.name, stroke: () => style(`--${one.line}`), show: !hidden.has(n),
      width: one.kind === "baseline" ? 1.75 : 2.25, dash: DASHES[one.dash], spanGaps: false,
      points: { show: data.times.length < 2 },
    }));
    const place = figure.querySelector(".plot");
    const made = new uPlot({
      width: place.clientWidth, height: 300, padding: [10, 12, 0, 0], tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "UTC"),
      legend: { show: false }, scales: { x: { time: true }, y: { range: (_u, a, b) => range(key, a, b) } },
      cursor: { sync: { key: "curves" }, points: { size: 6 }, drag: { x: true, y: false }, y: false },
      axes: [{ ...axis, values: times, space: 64, size: 44 }, { ...axis, size: 56, values: (_u, splits) => numbers(splits) }],
      series: [{}, ...series], hooks: { setCursor: [tooltip(figure, key)] },
    }, [data.times, ...data.series.map((one) => one[key])], place);
    new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: 300 })).observe(place);
    charts.push(made);
  }

  function range(key, low, high) {
    if (low === null || high === null) return [0, 1];
    const margin = Math.max((high - low) * 0.06, 0.005);
    const top = high + margin;
    return [Math.max(0, low - margin), key === "roc_auc" ? Math.min(1, top) : top];
  }

  function numbers(splits) {
    const step = splits.length > 1 ? splits[1] - splits[0] : 1;
    return splits.map((value) => value.toFixed(step < 0.0099 ? 3 : step < 0.099 ? 2 : 1));
  }

  function legend(place) {
    data.series.forEach((one, n) => {
      const button = place.appendChild(element("button"));
      button.type = "button";
      button.setAttribute("aria-pressed", "true");
      button.append(element("span", `swatch ${one.line} ${one.dash}`), one.name);
      button.addEventListener("click", () => {
        const show = hidden.has(n);
        show ? hidden.delete(n) : hidden.add(n);
        button.setAttribute("aria-pressed", String(show));
        charts.forEach((made) => made.setSeries(n + 1, { show }));
      });
    });
  }

  legend(document.querySelector(".legend"));
  document.querySelectorAll("figure[data-metric]").forEach(chart);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => charts.forEach((made) => made.redraw(false, true)));
})();
