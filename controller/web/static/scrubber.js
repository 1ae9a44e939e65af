// Time, under everything: the run's phases and moments as a track to drag on, jumps, and how fast it plays.
import { html, useEffect, useRef } from "./vendor/preact.js";
import { SPEEDS, clock, play, seek, speed, useClock } from "./clock.js";
import { MOMENTS, decisive } from "./moments.js";
import { chosenNode } from "./stage.js";
import { set, state, useStore } from "./store.js";
import { moment } from "./words.js";

const STEPS = 4000; // positions of the slider: four for a pixel

export function Scrubber({ run }) {
  const { zoom } = useStore(), { t, playing } = useClock();
  const from = zoom?.from ?? 0, to = zoom?.to ?? run.end, node = chosenNode(run);
  const moments = run.moments[node] ?? {};
  useEffect(() => void (playing && zoom && t > zoom.to && set({ zoom: null })));
  const percent = (ns) => Math.max(0, Math.min(100, (100 * (ns - from)) / (to - from)));
  return html`<section class="scrubber" aria-label="Time">
    <div class="jumps">${MOMENTS.map(([name, label]) => moments[name] !== undefined && html`<button key=${name} onClick=${() => jump(moments[name])}
      class=${`jump ${name}`}>${label}<small>${moment(moments[name])}</small></button>`)}</div>
    <div class="row">
      <button class="play" onClick=${() => play()} aria-label=${playing ? "Pause" : "Play"} title="Space">${playing ? "❚❚" : "▶"}</button>
      <div class="track">
        <${Track} run=${run} node=${node} from=${from} to=${to} />
        ${MOMENTS.map(([name]) => moments[name] !== undefined && moments[name] >= from && moments[name] <= to
          && html`<i key=${name} class=${`mark ${name}`} style=${{ left: `${percent(moments[name])}%` }}></i>`)}
        <i class="hand" style=${{ left: `${percent(t)}%` }}></i>
        <input type="range" min="0" max=${STEPS} step="1" value=${Math.round((percent(t) / 100) * STEPS)} aria-label="Moment of the run"
          aria-valuetext=${moment(t)} onInput=${(event) => slide(event, from, to)} />
      </div>
      <output class="now" aria-live="off">${moment(t)}</output>
      <label class="speed"><span class="sr">Speed</span><select value=${String(clock.speed)} onChange=${(event) => pick(event.target.value)}>
        <option value="auto">auto</option>${SPEEDS.map((each) => html`<option value=${String(each)}>${each}×</option>`)}</select></label>
      <button class="zoom" aria-pressed=${!!zoom} onClick=${() => toggleZoom(run)} title="Z">${zoom ? "whole run" : "look closer"}</button>
    </div>
    <p class="sr" aria-live="polite">${playing ? "" : `${moment(t)}`}</p>
  </section>`;
}

const pick = (value) => speed(value === "auto" ? value : Number(value));

function slide(event, from, to) {
  play(false);
  seek(from + (Number(event.target.value) / STEPS) * (to - from));
}

export function jump(t) {
  play(false);
  const { zoom } = state;
  if (zoom && (t < zoom.from || t > zoom.to)) set({ zoom: null });
  seek(t);
}

export function toggleZoom(run) {
  set({ zoom: state.zoom ? null : decisive(run, chosenNode(run), clock.t) });
  if (state.zoom && (clock.t < state.zoom.from || clock.t > state.zoom.to)) seek(state.zoom.from);
}

// Phases as bands and free memory as a line, drawn once for a span.
function Track({ run, node, from, to }) {
  const canvas = useRef(null);
  useEffect(() => {
    const again = () => draw(canvas.current, run, node, from, to);
    again();
    const watched = new ResizeObserver(again), dark = matchMedia("(prefers-color-scheme: dark)");
    watched.observe(canvas.current);
    dark.addEventListener("change", again);
    return () => {
      watched.disconnect();
      dark.removeEventListener("change", again);
    };
  }, [run, node, from, to, run.columns[node]?.t_ns.length]);
  return html`<canvas ref=${canvas} aria-hidden="true"></canvas>`;
}

function draw(canvas, run, node, from, to) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, tall = canvas.clientHeight;
  canvas.width = width * ratio;
  canvas.height = tall * ratio;
  const pen = canvas.getContext("2d"), colours = getComputedStyle(canvas);
  const colour = (name) => colours.getPropertyValue(name).trim();
  pen.scale(ratio, ratio);
  const x = (t) => ((t - from) / (to - from)) * width;
  pen.font = "11px system-ui, sans-serif";
  for (const phase of run.phases) {
    const left = Math.max(0, x(phase.start_ns)), right = Math.min(width, x(phase.end_ns));
    if (right <= left) continue;
    pen.fillStyle = colour(`--band-${phase.name}`) || colour("--band-warmup");
    pen.fillRect(left, 0, right - left, tall);
    pen.fillStyle = colour("--soft");
    if (right - left > 50) pen.fillText(phase.name, left + 5, 12);
  }
  curve(pen, run, node, { from, to, x, width, tall }, colour);
}

function curve(pen, run, node, { from, to, x, width, tall }, colour) {
  const column = run.columns[node];
  if (!column) return;
  const first = Math.max(0, run.index(node, from)), last = Math.min(column.t_ns.length - 1, run.index(node, to) + 1);
  let most = 1;
  for (let i = first; i <= last; i++) most = Math.max(most, column.free_pages[i], (column.high_pages[i] ?? 0) * 1.2);
  const y = (pages) => tall - 3 - (pages / most) * (tall - 18);
  const stride = Math.max(1, Math.floor((last - first) / (width * 2)));
  pen.beginPath();
  for (let i = first; i <= last; i += stride) pen.lineTo(x(column.t_ns[i]), y(column.free_pages[i]));
  pen.strokeStyle = colour("--free");
  pen.lineWidth = 1.6;
  pen.stroke();
  pen.beginPath();
  pen.setLineDash([3, 3]);
  pen.moveTo(0, y(column.min_pages?.[last] ?? 0));
  pen.lineTo(width, y(column.min_pages?.[last] ?? 0));
  pen.strokeStyle = colour("--bad");
  pen.lineWidth = 1;
  pen.stroke();
  pen.setLineDash([]);
}
