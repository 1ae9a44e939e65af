// A run at a glance: free memory over its time as an area, the flood as a band, red where nothing got on.
import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import * as api from "./api.js";

const WIDE = 120, TALL = 40, POINTS = 60;
const kept = new Map(); // by run: thumbnails do not change

export function Thumb({ row }) {
  const [told, setTold] = useState(row.thumb ?? kept.get(row.id)), box = useRef(null);
  useEffect(() => {
    if (told) return undefined;
    const seen = new IntersectionObserver(async ([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      const made = await fetched(row.id).catch(() => null);
      kept.set(row.id, made);
      setTold(made);
    });
    seen.observe(box.current);
    return () => seen.disconnect();
  }, [row.id]);
  return html`<svg ref=${box} class="thumb" viewBox=${`0 0 ${WIDE} ${TALL}`} aria-hidden="true">${told && html`<${Picture} told=${told} />`}</svg>`;
}

function Picture({ told }) {
  const { t, free, progress, flood } = told;
  const at = (i) => `${(t[i] * WIDE).toFixed(1)} ${(TALL - 2 - free[i] * (TALL - 6)).toFixed(1)}`;
  const line = t.map((_, i) => at(i)).join("L");
  const stood = t.map((_, i) => i).filter((i) => i && !progress[i]).map((i) => `M${(t[i - 1] * WIDE).toFixed(1)} ${TALL - 2}H${(t[i] * WIDE).toFixed(1)}`).join("");
  return html`${flood && html`<rect class="flood" x=${flood[0] * WIDE} y="0" width=${Math.max(0, (flood[1] - flood[0]) * WIDE)} height=${TALL} />`}
    <path class="area" d=${`M${(t[0] * WIDE).toFixed(1)} ${TALL}L${line}L${(t.at(-1) * WIDE).toFixed(1)} ${TALL}z`} /><path class="stood" d=${stood} />`;
}

async function fetched(id) {
  const [about, columns] = await Promise.all([api.get(api.run(id)), api.get(`${api.run(id)}/samples`)]);
  const roles = Object.fromEntries((about.nodes ?? []).map((node) => [node.name, node.role]));
  const machines = Object.keys(columns).filter((name) => roles[name] !== "target");
  const column = columns[machines.find((name) => (columns[name].progress_age_ns?.at(-1) ?? 0) > 2e9) ?? machines[0]];
  if (!column) return null;
  const end = column.t_ns.at(-1) || 1, stride = Math.max(1, Math.ceil(column.t_ns.length / POINTS));
  const picked = column.t_ns.map((_, i) => i).filter((i) => i % stride === 0);
  const most = Math.max(1, 2 * (column.high_pages?.at(-1) ?? 0), ...(column.high_pages?.at(-1) ? [] : column.free_pages));
  const flood = (about.phases ?? []).find((phase) => phase.name === "flood");
  return {
    t: picked.map((i) => column.t_ns[i] / end),
    free: picked.map((i) => Math.min(1, column.free_pages[i] / most)),
    progress: picked.map((i) => (column.progress_age_ns[i] < 2e9 ? 1 : 0)),
    flood: flood && [flood.start_ns / end, Math.min(1, flood.end_ns / end)],
  };
}
