// Draws the charts. All that they say (numbers, ticks, tips, sentences) is in
// their data; here it only gets a place.
"use strict";

const charts = new Map(JSON.parse(document.getElementById("charts").textContent)
  .map((chart) => [chart.id, chart]));
const colour = (style) => `var(--${style})`;
const SYMBOLS = ["circle", "diamond2", "triangle", "times"];
const TEXT = 11;  // pixels, of labels and ticks
const STEP = TEXT + 2;  // from a label to the next
const LEADER = 20;  // from a line's end to its label
const LETTER = 0.62 * TEXT;  // how wide one is, about

const isStage = (one) => /^s\d$/.test(one.style);

// An axis's ticks, of which so many are left out that those left don't touch.
function ticks(axis, room, size) {
  let kept = axis.ticks;
  while (kept.length > 2 && kept.length * size(kept) > room) {
    kept = kept.filter((_, i) => (kept.length - 1 - i) % 2 === 0);
  }
  return kept;
}

// A name that is longer than its room ends in an ellipsis; tips have it whole.
const fit = (name, room) => name.length * LETTER <= room ? name
  : `${name.slice(0, Math.max(1, Math.floor(room / LETTER) - 1))}…`;
const widest = (texts) => Math.max(0, ...texts.map((text) => text.length));
const tickWidth = (kept) => widest(kept.map(([, text]) => text)) * LETTER + 12;

function scale(axis) {
  return {type: axis.type, domain: axis.domain, axis: null};
}

const small = {fontSize: TEXT, fill: "var(--soft)"};

// Grid and ticks, as the data have them: Plot's own axes leave out ticks of
// logarithmic scales.
function bottom(axis, kept) {
  return [
    Plot.ruleX(kept, {x: "0", stroke: "var(--grid)"}),
    Plot.text(kept, {x: "0", text: "1", frameAnchor: "bottom", dy: 16, ...small}),
    Plot.text([axis.label], {text: (label) => label, dy: 33, ...small,
                             frameAnchor: "bottom-right", textAnchor: "end"})];
}

function left(kept) {
  return [
    Plot.ruleY(kept, {y: "0", stroke: "var(--grid)"}),
    Plot.text(kept, {y: "0", text: "1", frameAnchor: "left", textAnchor: "end",
                     dx: -8, ...small})];
}

const tip = (points, options) => Plot.tip(points, Plot.pointer({
  ...options, title: "tip", fontSize: 12, lineHeight: 1.35, stroke: "var(--line)",
  fill: "var(--panel)", textPadding: 9}));

// --- lines -------------------------------------------------------------------

// Moves positions, which are in order, so far apart that each has `step`, and
// no further than it takes: those that touch move as a block about their mean,
// between `low` and `high`.
function spread(positions, step, low, high) {
  const firstOf = ({sum, count}) => {
    const height = step * (count - 1);
    return Math.max(low, Math.min(high - height, sum / count - height / 2));
  };
  const blocks = [];
  for (const at of positions) {
    blocks.push({sum: at, count: 1});
    while (blocks.length > 1) {
      const [a, b] = blocks.slice(-2);
      if (firstOf(a) + step * a.count <= firstOf(b)) break;
      blocks.splice(-2, 2, {sum: a.sum + b.sum, count: a.count + b.count});
    }
  }
  return blocks.flatMap((block) =>
    Array.from({length: block.count}, (_, i) => firstOf(block) + step * i));
}

// Writes each line's name beside its last point, those in one column spread
// out, with a thin line to where they belong.
function label(svg, series, width, low, high) {
  const at = (axis, value) => svg.scale(axis).apply(value);
  const names = series.map((one) => {
    const last = one.points.reduce((a, b) => b.x_at >= a.x_at ? b : a);
    return {one, x: at("x", last.x_at), y: at("y", last.y_at)};
  });
  // Whose label would reach into those of another column belongs to that.
  names.sort((a, b) => a.x - b.x);
  const roomOf = (column) =>
    Math.min(width / 2, widest(column.map((name) => name.one.name)) * LETTER);
  const leftOf = (column) =>
    Math.min(d3.max(column, (name) => name.x) + LEADER, width - roomOf(column));
  const columns = [];
  for (const name of names) {
    columns.push([name]);
    while (columns.length > 1) {
      const [before, last] = columns.slice(-2);
      if (leftOf(last) >= leftOf(before) + roomOf(before)) break;
      columns.splice(-2, 2, [...before, ...last]);
    }
  }
  for (const column of columns) {
    column.sort((a, b) => a.y - b.y);
    const room = roomOf(column);
    const left = leftOf(column);
    const spots = spread(column.map((name) => name.y), STEP, low, high);
    column.forEach((name, i) => Object.assign(
      name, {to: spots[i], left, text: fit(name.one.name, room)}));
  }
  const group = d3.select(svg).append("g").attr("class", "names")
    .attr("font-size", TEXT).attr("text-anchor", "start").attr("aria-hidden", true);
  group.selectAll("path").data(names).join("path")
    .attr("d", (n) => `M${n.x + 4},${n.y}L${n.left - 9},${n.to}H${n.left - 3}`)
    .attr("fill", "none").attr("stroke", (n) => colour(n.one.style))
    .attr("stroke-opacity", 0.55);
  group.selectAll("text").data(names).join("text")
    .attr("x", (n) => n.left).attr("y", (n) => n.to).attr("dy", "0.32em")
    .attr("fill", (n) => isStage(n.one) ? "var(--ink)" : "var(--soft)")
    .attr("font-weight", (n) => isStage(n.one) ? 600 : 400)
    .attr("stroke", "var(--panel)").attr("stroke-width", 3)
    .attr("paint-order", "stroke")
    .text((n) => n.text);
}

function lines(chart, width) {
  const names = chart.series.map((one) => one.name);
  const marginRight = Math.min(width * 0.42, widest(names) * LETTER + 26);
  const height = Math.max(width < 420 ? 280 : 320, names.length * STEP + 60);
  const marginTop = 14, marginBottom = 40;
  const y = ticks(chart.y, height - marginTop - marginBottom, () => 2 * TEXT);
  const marginLeft = widest(y.map(([, text]) => text)) * LETTER + 12;
  const x = ticks(chart.x, width - marginLeft - marginRight, tickWidth);
  const points = chart.series.flatMap((one) =>
    one.points.map((point) => ({...point, name: one.name, style: one.style})));
  const of = (...kinds) => points.filter((point) => kinds.includes(
    isStage(point) ? "stage" : point.style));
  const line = (some, options) => Plot.line(some, {
    x: "x_at", y: "y_at", z: "name", stroke: (point) => colour(point.style),
    sort: null, ...options});
  const plot = Plot.plot({
    width, height, marginTop, marginBottom, marginLeft, marginRight,
    x: scale(chart.x), y: scale(chart.y), color: {type: "identity"},
    ariaLabel: chart.title, ariaDescription: chart.sentence,
    marks: [
      ...bottom(chart.x, x), ...left(y),
      line(of("peer", "other"), {strokeWidth: 1.2}),
      line(of("limit"), {strokeWidth: 1.4, strokeDasharray: "4 3"}),
      line(of("stage"), {strokeWidth: 2.4}),
      Plot.dot(of("peer", "other"), {x: "x_at", y: "y_at", r: 2,
               fill: (point) => colour(point.style)}),
      Plot.dot(of("limit"), {x: "x_at", y: "y_at", r: 2.2, fill: "var(--panel)",
               stroke: "var(--limit)", strokeWidth: 1.2}),
      Plot.dot(of("stage"), {x: "x_at", y: "y_at", r: 3.4,
               fill: (point) => colour(point.style), stroke: "var(--panel)",
               strokeWidth: 1}),
      tip(points, {x: "x_at", y: "y_at"}),
    ]});
  label(plot, chart.series, width, marginTop, height - marginBottom);
  return plot;
}

// --- rows --------------------------------------------------------------------

function rowsOf(chart) {
  const rows = [];
  chart.groups.forEach((group, i) => {
    if (group.heading) rows.push({key: `h${i}`, heading: group.heading});
    for (const row of group.rows) rows.push({...row, key: `${i} ${row.name}`});
  });
  return rows;
}

function rows(chart, width) {
  const all = rowsOf(chart);
  const real = all.filter((row) => !row.heading);
  const marginLeft = Math.min(
    width * 0.5, widest(real.map((row) => row.name)) * LETTER + 18);
  const marginRight = chart.marks.length > 1 ? 16 : 64;
  const height = all.length * 19 + 46;
  const x = ticks(chart.x, width - marginLeft - marginRight, tickWidth);
  const marks = real.flatMap((row) => row.marks.map((mark) => ({
    ...mark, key: row.key, style: row.style, hollow: row.hollow,
    note: row.note, symbol: SYMBOLS[mark.mark || 0]})));
  const spans = chart.marks.length > 1
    ? real.map((row) => ({key: row.key, style: row.style,
        low: Math.min(...row.marks.map((mark) => mark.x_at)),
        high: Math.max(...row.marks.map((mark) => mark.x_at))}))
    : marks.filter((mark) => mark.high > mark.low);
  return Plot.plot({
    width, height, marginLeft, marginRight, marginTop: 6, marginBottom: 40,
    x: scale(chart.x),
    y: {type: "point", domain: all.map((row) => row.key), padding: 0.7, axis: null},
    color: {type: "identity"}, symbol: {type: "identity"},
    ariaLabel: chart.title, ariaDescription: chart.sentence,
    marks: [
      ...bottom(chart.x, x),
      Plot.text(real, {y: "key", frameAnchor: "left",
                text: (row) => fit(row.name, marginLeft - 12),
                textAnchor: "end", dx: -10, fontSize: TEXT,
                fill: (row) => isStage(row) ? "var(--ink)" : "var(--soft)"}),
      Plot.text(all.filter((row) => row.heading), {y: "key", text: "heading",
                frameAnchor: "left", textAnchor: "end", dx: -10, dy: 3,
                fontSize: TEXT, fontStyle: "italic", fill: "var(--soft)"}),
      Plot.link(spans, {x1: "low", x2: "high", y: "key",
                stroke: (span) => colour(span.style), strokeOpacity: 0.35,
                strokeWidth: chart.marks.length > 1 ? 1.5 : 6,
                strokeLinecap: "round"}),
      Plot.dot(marks, {x: "x_at", y: "key", r: chart.marks.length > 1 ? 3.5 : 4,
               symbol: "symbol",
               fill: (mark) => mark.hollow ? "var(--panel)" : colour(mark.style),
               stroke: (mark) => colour(mark.style), strokeWidth: 1.4}),
      chart.marks.length > 1 ? null : Plot.text(marks, {
        x: (mark) => Math.max(mark.x_at, mark.high || 0), y: "key", text: "text",
        textAnchor: "start", dx: 9,
        fontSize: TEXT, fill: "var(--soft)"}),
      tip(marks, {x: "x_at", y: "key"}),
    ]});
}

function legendOfMarks(chart) {
  const list = document.createElement("ul");
  list.className = "marks";
  chart.marks.forEach((name, i) => {
    const item = document.createElement("li");
    const svg = d3.select(item).append("svg").attr("width", 9).attr("height", 9)
      .attr("aria-hidden", true);
    svg.append("path").attr("transform", "translate(4.5,4.5)")
      .attr("d", d3.symbol(symbolOf(SYMBOLS[i]), 40)())
      .attr("fill", i === 3 ? "none" : "currentColor").attr("stroke", "currentColor");
    item.append(name);
    list.append(item);
  });
  return list;
}

const symbolOf = (name) => ({circle: d3.symbolCircle, diamond2: d3.symbolDiamond2,
                             triangle: d3.symbolTriangle, times: d3.symbolTimes})[name];

// --- the page ------------------------------------------------------------------

const drawing = {lines, rows};

function draw(canvas, chart) {
  const width = Math.floor(canvas.clientWidth);
  if (width < 1 || canvas.drawn === width) return;
  canvas.drawn = width;
  canvas.replaceChildren(drawing[chart.kind](chart, width));
}

for (const canvas of document.querySelectorAll(".canvas")) {
  const chart = charts.get(canvas.dataset.chart);
  if (chart.marks && chart.marks.length > 1) {
    canvas.before(legendOfMarks(chart));
  }
  draw(canvas, chart);
  new ResizeObserver(() => draw(canvas, chart)).observe(canvas);
}
