// What happened, in words: the controller's actions, the machines' events, and what guests printed; the clock's moment is marked.
import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import * as api from "./api.js";
import { useClock } from "./clock.js";
import { jump } from "./scrubber.js";
import { fail } from "./store.js";
import { moment } from "./words.js";

const SHOWN = 400;

export function Log({ run }) {
  const { t } = useClock(), [lines, setLines] = useState(null), list = useRef(null);
  const all = [...run.events.map((event) => ({ t_ns: event.t_ns, node: event.node, kind: event.kind, text: event.text ?? "" })),
    ...(lines ?? []).filter((line) => line.t_ns != null).map((line) => ({ t_ns: line.t_ns, node: line.file, kind: "log", text: line.text }))]
    .sort((a, b) => a.t_ns - b.t_ns);
  const now = all.findLastIndex((each) => each.t_ns <= t), first = Math.max(0, Math.min(now - SHOWN / 2, all.length - SHOWN));
  useEffect(() => setLines(null), [run.id]);
  useEffect(() => {
    const here = list.current?.querySelector(".here");
    if (here) list.current.scrollTop = here.offsetTop - list.current.clientHeight / 2;
  }, [now]);
  return html`<section class="card log"><h2>What happened</h2>
    <ol ref=${list} tabindex="0" aria-label="Events">${all.slice(first, first + SHOWN).map((each, i) => html`<li key=${first + i}
      class=${first + i === now ? "here" : each.t_ns > t ? "later" : ""} aria-current=${first + i === now ? "true" : undefined}>
      <button onClick=${() => jump(each.t_ns)}>${moment(each.t_ns)}</button> <b>${each.node}</b> <span class="kind">${each.kind}</span> ${each.text}</li>`)}</ol>
    ${lines === null && html`<button class="quiet" onClick=${() => fetchLines(run, setLines)}>the nodes' logs too</button>`}
    ${lines?.length === 0 && html`<p class="soft">This run's nodes printed nothing.</p>`}
  </section>`;
}

const fetchLines = (run, setLines) => api.get(`${api.run(run.id)}/lines`).then((told) => setLines(told.items ?? told), fail);
