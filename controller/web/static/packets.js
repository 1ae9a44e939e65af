// Packets: on their way, and what became of those that arrived.
import { html } from "./vendor/preact.js";
import { count } from "./words.js";

const DOTS = 9;

// A link with dots on it: junk goes to the machine; pages go to the target and answers come back. How many dots there are
// follows the logarithm of the rate; where they are follows the clock alone, so a paused picture stands still.
export function Link({ kind, rate = 0, back = 0, t, label, lost }) {
  return html`<div class=${`link ${kind}`} role="img" aria-label=${`${label}: ${count(rate)} a second${lost ? ", answers are lost" : ""}`}>
    <svg viewBox="0 0 60 44" aria-hidden="true">
      <path class="wire" d="M0 22H60" />
      <${Dots} n=${dots(rate)} t=${t} y=${kind === "junk" ? 22 : 15} name=${kind === "junk" ? "junk" : "page"} />
      <${Dots} n=${dots(back)} t=${t} y="29" name="answer" backward />
    </svg>
    ${lost && html`<span class="lost">✕ lost</span>`}
  </div>`;
}

const dots = (rate) => (rate > 0.5 ? Math.max(1, Math.min(DOTS, Math.round(Math.log2(rate) / 1.7))) : 0);

function Dots({ n, t, y, name, backward }) {
  const phase = (t / 2.4e8) % 1;
  return Array.from({ length: n }, (_, i) => {
    const along = ((i + (backward ? 1 - phase * 1 : phase)) / n) % 1;
    return html`<circle class=${name} cx=${(along * 60).toFixed(1)} cy=${y} r="3" />`;
  });
}

const LANES = [
  ["storage", "storage answers", "reach the driver", "good"],
  ["queued", "junk queued", "holds pages until somebody reads it", "junk"],
  ["early", "junk, early drop", "at a socket that may not use the reserve", "fair"],
  ["full", "junk, socket full", "the socket holds all that it may", "fair"],
  ["lost", "no buffer", "lost whatever it was, a storage answer too", "bad"],
];

// What became of the packets that arrived around now, per second.
export function Outcomes({ rates, now }) {
  const most = Math.max(1, ...LANES.map(([name]) => rates[name] ?? 0));
  return html`<dl class="outcomes" aria-label="What became of arriving packets, per second">${LANES.map(([name, word, says, tone]) => {
    const rate = rates[name] ?? 0;
    return html`<div key=${name} class=${rate >= 0.5 ? `lane ${tone}` : "lane none"} title=${says}>
      <dt>${word}</dt><dd>${rate >= 0.5 ? `${count(rate)}/s` : "–"}</dd>
      <span class="bar" aria-hidden="true"><i style=${{ width: `${(100 * rate) / most}%` }}></i></span></div>`;
  })}
    <div class="lane sum"><dt>junk held, packets</dt><dd>${count(now.packets && now.junkBytes ? now.packets : 0)}</dd></div></dl>`;
}
