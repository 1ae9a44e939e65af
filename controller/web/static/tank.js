// A machine as a tank: who has its pages, what is left with the lines in it, the receive ring, and what junk holds.
import { h, html } from "./vendor/preact.js";
import { bytes, count, PAGE } from "./words.js";

const TOP = 34, TALL = 262, BOTTOM = TOP + TALL;
const RING = { columns: 8, rows: 32 };
const WIDE = { width: 560, ring: [2, 84], tank: [118, 122], glass: [300, 126], says: true };
const NARROW = { width: 352, ring: [0, 50], tank: [70, 86], glass: [176, 76], says: false }; // a phone: a px is a px
const narrow = matchMedia("(max-width: 560px)");

const LAYERS = [ // as it is called in a wide tank, and in a narrow one
  ["app", "application", "application"],
  ["junk", "junk in sockets", "junk"],
  ["flight", "being written out", "on its way"],
  ["other", "ring, the rest", "the rest"],
];

export function Tank({ run, node, now, machine }) {
  const slots = run.slots(node), lay = narrow.matches ? NARROW : WIDE;
  return html`<svg class="tank" viewBox=${`0 0 ${lay.width} ${BOTTOM + 26}`} role="img" aria-label=${spoken(now, slots)}>
    <${Ring} filled=${now.ring} slots=${slots} lay=${lay} />
    <${Memory} now=${now} sure=${run.memory(node) > 0} lay=${lay} name=${`${run.id}-tank`} />
    <${Glass} now=${now} machine=${machine} lay=${lay} name=${`${run.id}-glass`} />
  </svg>`;
}

export function spoken(now, slots) {
  return `Of ${count(now.total)} pages the application has ${count(now.app)}, junk in sockets ${count(now.junk)}, `
    + `${count(now.flight)} are being written out, ${count(now.free)} are free; min is ${count(now.min)}. `
    + `${count(now.ring)} of ${count(slots)} receive buffers are there.`;
}

function Ring({ filled, slots, lay }) {
  const { columns, rows } = RING, [x, width] = lay.ring, shown = columns * rows;
  const full = Math.round((filled / slots) * shown), w = width / columns, tall = TALL / rows;
  const path = (from, to) => {
    let d = "";
    for (let i = from; i < to; i++) {
      d += `M${(x + (i % columns) * w).toFixed(1)} ${(BOTTOM - (Math.floor(i / columns) + 1) * tall).toFixed(1)}h${(w - 2).toFixed(1)}v${(tall - 2).toFixed(1)}h${(2 - w).toFixed(1)}z`;
    }
    return d;
  };
  return html`<g class=${filled === 0 ? "ring empty" : "ring"}>
    <text x=${x} y="12" class="head">${lay.says ? "Receive ring" : "Ring"}</text>
    <text x=${x} y="26" class=${filled === 0 ? "figure bad" : "figure"}>${filled === 0 ? (lay.says ? "no buffer left" : "empty") : `${count(filled)} of ${count(slots)}`}</text>
    <path class="slot none" d=${path(full, shown)} />
    <path class="slot" d=${path(0, full)} />
    ${lay.says && html`<text x=${x} y=${BOTTOM + 18} class="small">□ ${slots === shown ? "one buffer" : `${trim(slots / shown)} buffers`}</text>`}
  </g>`;
}

const trim = (n) => (Number.isInteger(n) ? n : n.toFixed(1));

function Memory({ now, sure, lay, name }) {
  const [x, width] = lay.tank, scale = TALL / now.total;
  let y = TOP;
  const layers = LAYERS.map(([kind, wide, short]) => {
    const tall = now[kind] * scale, label = lay.says ? wide : short, top = y;
    y += tall;
    return { kind, label, tall, top, pages: now[kind] };
  });
  const surface = BOTTOM - now.free * scale;
  return html`<g class="memory">
    <text x=${x} y="12" class="head">All memory</text>
    <text x=${x} y="26" class="figure">${sure ? "" : "about "}${bytes(now.total * PAGE)}</text>
    <clipPath id=${name}><rect x=${x} y=${TOP} width=${width} height=${TALL} rx="9" /></clipPath>
    <g clip-path=${`url(#${name})`}>
      <rect class="hollow" x=${x} y=${TOP} width=${width} height=${TALL} />
      ${layers.map((layer) => html`<rect class=${`layer ${layer.kind}`} x=${x} y=${layer.top} width=${width} height=${Math.max(0, layer.tall)} />`)}
      <rect class="layer free" x=${x} y=${surface} width=${width} height=${BOTTOM - surface} />
    </g>
    ${layers.filter((layer) => layer.tall > 34).map((layer) => html`<g class="inside">
      <text x=${x + width / 2} y=${layer.top + layer.tall / 2 - 2}>${layer.label}</text>
      <text x=${x + width / 2} y=${layer.top + layer.tall / 2 + 13} class="number">${bytes(layer.pages * PAGE)}</text></g>`)}
    <rect class="rim" x=${x} y=${TOP} width=${width} height=${TALL} rx="9" />
    <path class="lens" d=${`M${x + width} ${surface}L${lay.glass[0]} ${TOP}V${BOTTOM}H${x + width}Z`} />
    <text x=${x} y=${BOTTOM + 18} class="small">free: ${((now.free / now.total) * 100).toFixed(1)} %</text>
  </g>`;
}

// What is left, enlarged: the level falls, and each line is where somebody has to stop.
function Glass({ now, machine, lay, name }) {
  const [x, width] = lay.glass, high = now.high || now.min * 1.5 || now.total / 10;
  const scale = TALL / (high * 1.35), at = (pages) => BOTTOM - Math.min(pages * scale, TALL);
  const level = at(now.free), low = now.min && now.free < now.min;
  const zone = !now.min || now.free >= now.low ? "well" : low ? "deep" : "below";
  const lines = [["high", now.high, "kswapd rests"], ["low", now.low, "kswapd wakes"], ["min", now.min, "the reserve begins"],
    ["3/8 min", machine?.refill_floor_pages ?? (now.min * 3) / 8, machine?.refill === "reserve" ? "a refill with rights goes on" : "ring refill stops"]].filter(([, pages]) => pages > 0);
  const right = x + width;
  return html`<g class="glass">
    <text x=${x} y="12" class="head">What is left</text>
    <text x=${x} y="26" class=${low ? "figure bad" : "figure"}>${count(now.free)} pages free${low && lay.says ? ", below min" : ""}</text>
    <rect class="hollow" x=${x} y=${TOP} width=${width} height=${TALL} rx="9" />
    ${now.min > 0 && html`<rect class="reserve" x=${x} y=${at(now.min)} width=${width} height=${BOTTOM - at(now.min)} />`}
    <clipPath id=${name}><rect x=${x} y=${TOP} width=${width} height=${TALL} rx="9" /></clipPath>
    <rect class=${`water ${zone}`} clip-path=${`url(#${name})`} x=${x} y=${level} width=${width} height=${BOTTOM - level} />
    ${lines.map(([name, pages, says]) => html`<g class="line">
      <path d=${`M${x} ${at(pages)}H${right + 8}`} />
      <text x=${right + 12} y=${at(pages) + 1} class="name">${name} <tspan class="small">${count(pages)}</tspan></text>
      ${lay.says && html`<text x=${right + 12} y=${at(pages) + 14} class="small">${says}</text>`}</g>`)}
    <text x=${x + width / 2} y=${BOTTOM - 10} class="under">reserve</text>
    <rect class="rim" x=${x} y=${TOP} width=${width} height=${TALL} rx="9" />
    <path class="surface" d=${`M${x} ${level}H${right}`} />
    <text x=${x} y=${BOTTOM + 18} class="small">${bytes(now.free * PAGE)} of ${bytes(now.total * PAGE)}</text>
  </g>`;
}

// A small one, to choose a machine by.
export function SmallTank({ now }) {
  if (!now) return h("svg", { class: "small-tank", viewBox: "0 0 20 30" });
  let y = 1;
  const scale = 28 / now.total;
  const layers = LAYERS.map(([kind]) => {
    const tall = now[kind] * scale, rect = html`<rect class=${`layer ${kind}`} x="1" y=${y} width="18" height=${tall} />`;
    y += tall;
    return rect;
  });
  return html`<svg class="small-tank" viewBox="0 0 20 30" aria-hidden="true"><rect class="hollow" x="1" y="1" width="18" height="28" />
    ${layers}<rect class="rim" x="1" y="1" width="18" height="28" rx="2" /></svg>`;
}
