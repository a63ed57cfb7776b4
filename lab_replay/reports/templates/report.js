"use strict";
// One chart over event time with a choice of metrics, of windows or all so far, and of curves;
// tables that can be sorted. Colours come from the style sheet.
(() => {
  const data = JSON.parse(document.getElementById("curves").textContent);
  const hidden = new Set(data.series.flatMap((one, n) => (one.shown ? [] : [n])));
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const byRows = data.clock === "rows"; // no times: numbers of rows stand for them
  const over = byRows ? "the rows" : "event time";
  const row = (n) => `row ${Math.round(n).toLocaleString("en")}`;
  const minute = (s) => {
    const at = new Date(s * 1000);
    if (Number.isNaN(at.getTime())) return `${s} s`; // no calendar has it
    return at.toISOString().replace("T", " ").replace(/:\d\d\.\d+Z$/, " UTC");
  };
  const when = byRows ? row : minute;
  const day = (x) => (byRows ? row(x) : minute(x).slice(0, 10));
  const DASHES = { solid: [], dashed: [7, 4], dotted: [2, 3] };
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const TIP_MAX = 12;
  const MARK_PX = 6;
  const figure = document.querySelector("figure.chart");
  const place = figure.querySelector(".plot");
  const VIEWS = [
    { title: "by window", told: byRows ? "by window of rows" : "by window of event time", times: "times", values: "values" },
    { title: "so far", told: "over all events so far", times: "ends", values: "so_far" },
  ];
  let metric = data.metrics[0];
  let view = VIEWS[0];
  let made = null;

  function element(tag, className, text) {
    const created = document.createElement(tag);
    if (className) created.className = className;
    if (text !== undefined) created.textContent = text;
    return created;
  }

  function swatch(one) {
    return element("span", `swatch ${one.line} ${one.dash}`);
  }

  // Axis labels by how far apart they are: months, days or hours; the year where it begins.
  function times(_u, splits, _axis, _space, step) {
    if (byRows) return splits.map((n) => n.toLocaleString("en"));
    let year = null;
    return splits.map((s) => {
      const at = new Date(s * 1000);
      const date = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
      const clock = Number.isNaN(at.getTime()) ? "" : at.toISOString().slice(-13, -8);
      let label = step >= 28 * 86400 ? MONTHS[at.getUTCMonth()] : date;
      if (step < 86400) label = clock === "00:00" ? date : clock;
      const first = year !== at.getUTCFullYear();
      year = at.getUTCFullYear();
      return first ? `${label}\n${year}` : label;
    });
  }

  function numbers(splits) {
    const step = splits.length > 1 ? splits[1] - splits[0] : 1;
    let digits = 0;
    while (digits < 5 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits += 1;
    return splits.map((value) => value.toFixed(digits));
  }

  function range(low, high) {
    if (low === null || high === null) return [0, 1];
    const margin = Math.max((high - low) * 0.06, Math.abs(high) * 0.005, 1e-6);
    const bounded = low >= 0 && high <= 1;
    const bottom = low >= 0 ? Math.max(0, low - margin) : low - margin;
    return [bottom, bounded ? Math.min(1, high + margin) : high + margin];
  }

  const points = (one) => one[view.values][metric.key];
  const wanted = (mark) => mark.who === null || data.series.some((one, n) => one.name === mark.who && !hidden.has(n));

  function drawMarks(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.lineWidth = 1.5 * devicePixelRatio;
    for (const mark of data.marks.filter(wanted)) {
      const x = u.valToPos(mark.at, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const owner = data.series.find((one) => one.name === mark.who);
      ctx.strokeStyle = style(owner ? `--${owner.line}` : "--faint");
      ctx.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }

  const tip = figure.appendChild(element("div", "tip"));
  function tooltip(u) {
    const index = u.cursor.idx;
    const shown = u.cursor.left >= 0 && index !== null && index !== undefined;
    tip.classList.toggle("shown", shown);
    if (!shown) return;
    tip.replaceChildren(element("div", "when", when(data[view.times][index])));
    const value = (n) => points(data.series[n])[index];
    const order = data.series.map((_, n) => n).filter((n) => !hidden.has(n));
    const rank = (n) => (value(n) === null ? Infinity : (metric.lower ? 1 : -1) * value(n));
    order.sort((a, b) => (rank(a) === rank(b) ? a - b : rank(a) < rank(b) ? -1 : 1));
    for (const n of order.slice(0, TIP_MAX)) {
      const row = tip.appendChild(element("div"));
      row.append(swatch(data.series[n]), data.series[n].name, element("b", "", value(n) === null ? "–" : value(n).toFixed(4)));
    }
    for (const mark of data.marks.filter(wanted)) {
      if (Math.abs(u.valToPos(mark.at, "x") - u.cursor.left) > MARK_PX) continue;
      tip.append(element("div", "mark", `${day(mark.at)}: ${mark.who ? `${mark.who}: ` : ""}${mark.what}`));
    }
    const plot = u.over.getBoundingClientRect();
    const box = figure.getBoundingClientRect();
    const x = plot.left - box.left + u.cursor.left;
    const left = x + 16 + tip.offsetWidth > box.width ? x - 16 - tip.offsetWidth : x + 16;
    tip.style.left = `${Math.max(0, left)}px`;
  }

  function draw() {
    if (made) made.destroy();
    const caption = figure.querySelector("figcaption");
    caption.replaceChildren(`${metric.title} `, element("span", "", `${view.told}, ${metric.lower ? "lower" : "higher"} is better`));
    figure.setAttribute("aria-label", `${metric.title} of each model over ${over}, ${view.title}`);
    const axis = {
      stroke: () => style("--soft"), grid: { stroke: () => style("--grid"), width: 1 },
      ticks: { show: false }, font: "12px system-ui, 'Liberation Sans', sans-serif",
    };
    const series = data.series.map((one, n) => ({
      label: one.name, stroke: () => style(`--${one.line}`), show: !hidden.has(n),
      width: one.kind === "baseline" ? 1.75 : 2.25, dash: DASHES[one.dash], spanGaps: false,
      points: { show: data.times.length < 2 },
    }));
    made = new uPlot({
      width: place.clientWidth, height: 360, padding: [10, 12, 0, 0], tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "UTC"),
      legend: { show: false }, scales: { x: { time: !byRows }, y: { range: (_u, a, b) => range(a, b) } },
      cursor: { points: { size: 6 }, drag: { x: true, y: false }, y: false },
      axes: [{ ...axis, values: times, space: 64, size: 44 }, { ...axis, size: 56, values: (_u, splits) => numbers(splits) }],
      series: [{}, ...series], hooks: { setCursor: [tooltip], drawClear: [drawMarks] },
    }, [data[view.times], ...data.series.map(points)], place);
  }

  // A row of buttons of which one is pressed.
  function choice(group, options, first, chosen) {
    const row = document.querySelector(group);
    const buttons = options.map((one) => {
      const button = row.appendChild(element("button", "", one.title));
      button.type = "button";
      button.setAttribute("aria-pressed", String(one === first));
      button.addEventListener("click", () => {
        chosen(one);
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
        draw();
      });
      return button;
    });
  }

  function legend() {
    const group = document.querySelector(".chips.legend");
    const buttons = data.series.map((one, n) => {
      const button = group.appendChild(element("button"));
      button.type = "button";
      button.append(swatch(one), one.name);
      button.addEventListener("click", () => set(n, hidden.has(n)));
      return button;
    });
    function set(n, show) {
      show ? hidden.delete(n) : hidden.add(n);
      buttons[n].setAttribute("aria-pressed", String(show));
      made.setSeries(n + 1, { show });
    }
    buttons.forEach((button, n) => button.setAttribute("aria-pressed", String(!hidden.has(n))));
    if (data.series.length <= 8) return;
    const all = group.appendChild(element("button", "all", "all"));
    const few = group.appendChild(element("button", "all", "the best"));
    all.addEventListener("click", () => data.series.forEach((_, n) => set(n, true)));
    few.addEventListener("click", () => data.series.forEach((one, n) => set(n, one.shown)));
  }

  // A click on a column's head sorts by it; what has no figure stays last.
  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    heads.forEach((head, column) => {
      if (head.classList.contains("plain")) return;
      const button = element("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => {
          const cell = row.cells[column];
          if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
          return column === 0 ? cell.textContent.trim() : null;
        };
        const order = (a, b) => {
          const [x, y] = [key(a), key(b)];
          if (x === null || y === null) return (x === null) - (y === null);
          const sign = down ? -1 : 1;
          return typeof x === "string" ? sign * x.localeCompare(y) : sign * (x - y);
        };
        body.append(...[...body.rows].sort(order));
      });
    });
  }

  draw();
  choice(".chips.metrics", data.metrics, metric, (one) => { metric = one; });
  choice(".chips.views", VIEWS, view, (one) => { view = one; });
  legend();
  document.querySelectorAll("table.sortable").forEach(sortable);
  new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: 360 })).observe(place);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => made.redraw(false, true));
})();
