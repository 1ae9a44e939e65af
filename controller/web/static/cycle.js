// The circle of waiting, drawn edge by edge as it closes, and each edge as a sentence.
import { html } from "./vendor/preact.js";
import { count, span } from "./words.js";

const WIDE = 400, TALL = 236, BOX = { width: 122, tall: 38 };

const key = (edge) => `${edge.waiter}|${edge.resource}|${edge.who_frees}`;

// The edges that are to be seen at `t`, in the order in which they came, and whether they close a circle.
export function circleAt(run, node, t) {
  const told = run.waits(node, t), moments = run.moments[node] ?? {};
  if (!told) return { edges: [], closed: false, others: [] };
  const closing = moments.closed !== undefined && t < (moments.revived ?? Infinity) ? final(run, node, moments.closed) : [];
  if (!told.cycle.length && !closing.length) return { edges: [], closed: false, others: told.waits };
  const shape = told.cycle.length ? told.cycle : closing;
  const since = shape.map((edge) => sinceWhen(run, node, edge, told.t_ns));
  const now = new Map([...told.waits, ...told.cycle].map((edge) => [key(edge), edge]));
  const edges = shape.map((edge, i) => ({ ...(now.get(key(edge)) ?? edge), since: since[i], there: now.has(key(edge)) }));
  const inIt = new Set(shape.map(key));
  const closed = told.cycle.length > 0;
  return { edges, closed, since: closed ? Math.max(...since) : undefined, others: told.waits.filter((edge) => !inIt.has(key(edge))) };
}

const final = (run, node, closed) => run.waits(node, closed)?.cycle ?? [];

// From when on an edge has been there without a break, up to `t`.
function sinceWhen(run, node, edge, t) {
  let since = t;
  const list = run.waiting[node] ?? [], wanted = key(edge);
  for (let i = list.length - 1; i >= 0; i--) {
    if (list[i].t_ns > t) continue;
    if (![...list[i].waits, ...list[i].cycle].some((each) => key(each) === wanted)) break;
    since = list[i].t_ns;
  }
  return since;
}

export function Circle({ run, node, t, rates = {} }) {
  const { edges, closed, others, since } = circleAt(run, node, t);
  if (!edges.length) return html`<${Chain} waits=${others} answers=${run.flood(t).rate > 0 ? rates.storage : 0} />`;
  return html`<div class=${closed ? "circle closed" : "circle"}>
    <p class="lead"><strong>${closed ? "A circle of waiting" : "The circle is closing"}</strong>
      ${closed && html` since ${(since / 1e9).toFixed(3)} s, for ${span(Math.max(0, t - since))}`}</p>
    <${Picture} edges=${edges} closed=${closed} />
    <ol class="edges">${edges.map((edge, i) => html`<${Edge} key=${key(edge)} edge=${edge} last=${i === edges.length - 1 && closed} />`)}</ol>
  </div>`;
}

function Edge({ edge, last }) {
  if (!edge.there) return html`<li class="coming">Not yet: <b>${edge.waiter}</b> on <b>${edge.resource}</b>, which only <b>${edge.who_frees}</b> can give.</li>`;
  return html`<li class="there"><b>${edge.waiter}</b> waits for <b>${edge.resource}</b>: needs ${count(edge.need)}, has ${count(edge.have)}.${" "}<span
    class="why">${sentence(edge.why)} Only <b>${edge.who_frees}</b> can help${last ? ", and that is where it began" : ""}.</span></li>`;
}

const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}` : "");

function Chain({ waits, answers }) {
  const shown = waits.slice(0, 3);
  return html`<div class="circle open">
    <p class="lead"><strong>No circle of waiting</strong></p>
    ${answers >= 1 && html`<p class="open">The storage's answers still get in, <b>${count(answers)} a second</b>: that keeps the circle open.</p>`}
    ${shown.length
      ? html`<p class="why">Somebody waits, and somebody will help:</p><ul class="edges">${shown.map((edge) => html`<li key=${key(edge)}>
        <b>${edge.waiter}</b> waits for <b>${edge.resource}</b> (needs ${count(edge.need)}, has ${count(edge.have)}), which <b>${edge.who_frees}</b> gives.</li>`)}</ul>`
      : html`<p class="why">Nobody has to wait for anybody. To free a page the machine writes it out over the network, and hears that it
        has arrived. To hear, it needs a page. As long as some are free, that is no trouble.</p>`}
  </div>`;
}

function Picture({ edges, closed }) {
  const names = [...new Set(edges.flatMap((edge) => [edge.waiter, edge.who_frees]))];
  const places = Object.fromEntries(names.map((name, i) => [name, place(i, names.length)]));
  const said = edges.filter((edge) => edge.there)
    .map((edge) => `${edge.waiter} waits for ${edge.resource} from ${edge.who_frees}: needs ${edge.need}, has ${edge.have}`).join("; ");
  return html`<svg viewBox=${`0 0 ${WIDE} ${TALL}`} role="img" aria-label=${`${closed ? "A closed circle" : "Not yet closed"}: ${said}`}>
    <defs><marker id="tip" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto">
      <path d="M0 0L10 5L0 10z" /></marker></defs>
    ${edges.map((edge, i) => html`<${Arrow} key=${key(edge)} edge=${edge} from=${places[edge.waiter]} to=${places[edge.who_frees]} number=${i + 1} />`)}
    ${names.map((name) => html`<${Box} key=${name} name=${name} at=${places[name]} />`)}
    ${closed && html`<text class="middle" x=${WIDE / 2} y=${middleY(names.length)}>nobody</text>
      <text class="middle" x=${WIDE / 2} y=${middleY(names.length) + 19}>can begin</text>`}
  </svg>`;
}

const middleY = (n) => TALL / 2 + (n === 3 ? 12 : -4);

// Clockwise, the first at the top; two stand side by side.
function place(i, n) {
  const rx = WIDE / 2 - BOX.width / 2 - 4, ry = TALL / 2 - BOX.tall / 2 - 4;
  if (n === 3) return [{ x: WIDE / 2, y: TALL / 2 - ry }, { x: WIDE / 2 + rx, y: TALL / 2 + ry - 14 }, { x: WIDE / 2 - rx, y: TALL / 2 + ry - 14 }][i];
  const angle = (n === 2 ? Math.PI : -Math.PI / 2) + (i * 2 * Math.PI) / n;
  return { x: WIDE / 2 + rx * Math.cos(angle), y: TALL / 2 + ry * Math.sin(angle) };
}

function Box({ name, at }) {
  const words = split(name);
  return html`<g class="who"><rect x=${at.x - BOX.width / 2} y=${at.y - BOX.tall / 2} width=${BOX.width} height=${BOX.tall} rx="9" />
    ${words.map((word, i) => html`<text x=${at.x} y=${at.y + 5 + (i - (words.length - 1) / 2) * 15}>${word}</text>`)}</g>`;
}

function split(name) {
  if (name.length <= 16) return [name];
  const cut = name.lastIndexOf(" ", 16);
  return cut > 0 ? [name.slice(0, cut), name.slice(cut + 1)] : [name];
}

function Arrow({ edge, from, to, number }) {
  const own = from === to;
  const d = own ? `M${from.x + 30} ${from.y - 18}c60 -60 90 40 34 26` : bent(from, to);
  const mid = own ? { x: from.x + 84, y: from.y - 22 } : middle(from, to);
  return html`<g class=${edge.there ? "arrow there" : "arrow coming"}>
    <path class="track" d=${d} /><path class="edge" d=${d} pathLength="1" marker-end=${edge.there ? "url(#tip)" : undefined} />
    <g class="plate"><rect x=${mid.x - 41} y=${mid.y - 17} width="82" height="33" rx="8" />
    <text x=${mid.x} y=${mid.y - 3} class="number">${edge.there ? `${number} · ${edge.have} of ${edge.need}` : number}</text>
    <text x=${mid.x} y=${mid.y + 10} class="small">${short(edge.resource)}</text></g></g>`;
}

const short = (text) => (text.length > 16 ? `${text.slice(0, 15)}…` : text);

// An arc that bends outward, from the rim of one box to the rim of the other.
function bent(from, to) {
  const c = bend(from, to, 1.3), a = rim(from, c), b = rim(to, c);
  return `M${a.x.toFixed(1)} ${a.y.toFixed(1)}Q${c.x.toFixed(1)} ${c.y.toFixed(1)} ${b.x.toFixed(1)} ${b.y.toFixed(1)}`;
}

// Of that arc.
function middle(from, to) {
  const c = bend(from, to, 1.3), a = rim(from, c), b = rim(to, c);
  return { x: (a.x + 2 * c.x + b.x) / 4, y: (a.y + 2 * c.y + b.y) / 4 };
}

function bend(from, to, out) {
  const x = (from.x + to.x) / 2 - WIDE / 2, y = (from.y + to.y) / 2 - TALL / 2;
  if (Math.hypot(x, y) < 12) return { x: WIDE / 2, y: TALL / 2 + (from.x < to.x ? -1 : 1) * 62 * out };
  return { x: WIDE / 2 + x * out, y: TALL / 2 + y * out };
}

function rim(box, toward) {
  const dx = toward.x - box.x, dy = toward.y - box.y;
  const reach = Math.min(dx ? (BOX.width / 2 + 4) / Math.abs(dx) : Infinity, dy ? (BOX.tall / 2 + 4) / Math.abs(dy) : Infinity);
  return { x: box.x + dx * reach, y: box.y + dy * reach };
}
