// Charts over the run's time, each with a line at the clock and a table beside it. The only place that knows uPlot.
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";
import { play, seek, useClock } from "./clock.js";
import { chosenNode } from "./stage.js";
import { useStore } from "./store.js";
import { count, moment } from "./words.js";

const POINTS = 1500;
const ROWS = 60; // of a table: the span's samples, thinned

export const CHARTS = [
  { name: "Free memory, pages", series: [["free", "free_pages", "free"], ["high", "high_pages", "mark"], ["low", "low_pages", "mark"], ["min", "min_pages", "min"]] },
  { name: "Junk in sockets, MiB", series: [["junk", "junk_held_bytes", "junk", (v) => v / (1 << 20)]] },
  { name: "Packets lost, per second", series: [["no buffer", "no_buffer_drops", "bad", null, true], ["socket full", "rcvbuf_drops", "fair", null, true], ["early", "early_drops", "soft", null, true]] },
  { name: "Pages a second", series: [["touched", "progress_pages", "good", null, true], ["swapped out", "swap_out_pages", "flight", null, true]] },
];

export function Charts({ runs }) {
  const { zoom } = useStore();
  return html`<div class="charts">${CHARTS.map((chart) => html`<${Chart} key=${chart.name} chart=${chart} runs=${runs}
    from=${zoom?.from ?? 0} to=${zoom?.to ?? Math.max(...runs.map((run) => run.end))} />`)}</div>`;
}

// {x, lines}: seconds, and for each run the series of the chart over one common x.
function dataOf(chart, runs, from, to) {
  const sets = runs.map((run) => {
    const node = chosenNode(run), column = run.columns[node];
    const first = Math.max(0, run.index(node, from)), last = Math.min(column.t_ns.length - 1, run.index(node, to) + 1);
    const stride = Math.max(1, Math.ceil((last - first) / POINTS)), picked = [];
    for (let i = first; i <= last; i += stride) picked.push(i);
    const x = picked.map((i) => column.t_ns[i] / 1e9);
    return [x, ...chart.series.map(([, field, , turn, rate]) => picked.map((i) => value(column, field, i, stride, turn, rate)))];
  });
  return sets.length === 1 ? sets[0] : globalThis.uPlot.join(sets);
}

function value(column, field, i, stride, turn, rate) {
  const values = column[field] ?? [];
  if (!rate) return turn ? turn(values[i] ?? 0) : (values[i] ?? null);
  let before = Math.max(0, i - stride);
  while (before > 0 && column.t_ns[i] - column.t_ns[before] < 5e7) before -= 1;
  const seconds = (column.t_ns[i] - column.t_ns[before]) / 1e9;
  return seconds > 0 ? Math.max(0, values[i] - values[before]) / seconds : null;
}

function Chart({ chart, runs, from, to }) {
  const box = useRef(null), made = useRef(null), [dark, setDark] = useState(matchMedia("(prefers-color-scheme: dark)").matches);
  const size = runs.map((run) => run.columns[chosenNode(run)]?.t_ns.length).join();
  const who = runs.map((run) => `${run.id}/${chosenNode(run)}`).join();
  const data = useMemo(() => dataOf(chart, runs, from, to), [who, size, from, to]);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)"), told = () => setDark(query.matches);
    query.addEventListener("change", told);
    return () => query.removeEventListener("change", told);
  }, []);
  useEffect(() => {
    const plot = new globalThis.uPlot(options(chart, runs, box.current, from, to), data, box.current);
    made.current = plot;
    const watched = new ResizeObserver(() => plot.setSize({ width: box.current.clientWidth, height: 150 }));
    watched.observe(box.current);
    plot.over.addEventListener("click", (event) => {
      play(false);
      seek(plot.posToVal(event.offsetX, "x") * 1e9);
    });
    return () => {
      watched.disconnect();
      plot.destroy();
    };
  }, [data, dark]);
  return html`<figure class="card chart"><figcaption>${chart.name}
    <span class="legend">${chart.series.map(([label, , tone]) => html`<i class=${`key ${tone}`}></i>${label} `)}</span></figcaption>
    <div class="plot" ref=${box}><${Hand} plot=${made} /></div>
    <${Table} chart=${chart} data=${data} runs=${runs} /></figure>`;
}

function options(chart, runs, box, from, to) {
  const colours = getComputedStyle(box), colour = (name) => colours.getPropertyValue(`--${name}`).trim();
  const axis = { stroke: colour("soft"), grid: { stroke: colour("edge"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
  const line = (run, i) => ([label, , tone]) => ({ label: runs.length > 1 ? `${label} (${run.label})` : label, stroke: colour(tone),
    width: tone === "mark" ? 1 : 1.8, dash: i ? [6, 4] : tone === "mark" || tone === "min" ? [3, 3] : undefined, points: { show: false }, spanGaps: true });
  return {
    width: box.clientWidth, height: 150, legend: { show: false }, cursor: { x: false, y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: false, range: [from / 1e9, to / 1e9] }, y: { range: (_, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
    axes: [{ ...axis, size: 22, values: (_, values) => values.map((v) => `${+v.toFixed(3)} s`) }, { ...axis, size: 50, values: (_, values) => values.map((v) => short(v)) }],
    series: [{}, ...runs.flatMap((run, i) => chart.series.map(line(run, i)))],
  };
}

const short = (v) => (v >= 10000 ? `${+(v / 1000).toFixed(1)}k` : v >= 100 || Number.isInteger(v) ? count(v) : v.toFixed(1));

// The line at the clock's moment: moved, never drawn anew.
function Hand({ plot }) {
  const { t } = useClock(), line = useRef(null);
  useEffect(() => {
    const chart = plot.current;
    if (!chart || !line.current) return;
    const x = chart.valToPos(t / 1e9, "x"), left = chart.over.offsetLeft;
    line.current.style.transform = `translateX(${Math.round(left + x)}px)`;
    line.current.style.visibility = x >= 0 && x <= chart.over.clientWidth ? "visible" : "hidden";
  });
  return html`<i class="hand" ref=${line}></i>`;
}

function Table({ chart, data, runs }) {
  const [open, setOpen] = useState(false);
  const names = runs.flatMap((run) => chart.series.map(([label]) => (runs.length > 1 ? `${label}, ${run.label}` : label)));
  const stride = Math.max(1, Math.ceil(data[0].length / ROWS));
  return html`<details onToggle=${(event) => setOpen(event.target.open)}><summary>as a table</summary>
    ${open && html`<div class="scroll" tabindex="0" role="region" aria-label=${`${chart.name}, table`}><table><thead><tr><th scope="col">time</th>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
      <tbody>${data[0].filter((_, i) => i % stride === 0).map((x, row) => html`<tr><th scope="row">${moment(x * 1e9)}</th>
        ${data.slice(1).map((values) => html`<td>${values[row * stride] == null ? "" : short(values[row * stride])}</td>`)}</tr>`)}</tbody></table></div>`}
  </details>`;
}
