// The keyboard: everything that the mouse can do with time.
import { clock, play, seek, speed, SPEEDS } from "./clock.js";
import { MOMENTS } from "./moments.js";
import { jump, toggleZoom } from "./scrubber.js";
import { chosenNode } from "./stage.js";
import { set, state } from "./store.js";

export const KEYS = [
  ["Space", "play, pause"],
  ["← →", "a sample back, on; with Shift a second"],
  ["Home End", "begin, end"],
  ["1 to 6", "flood begins, first drop in it, last progress, cycle closed, revived, flood ends"],
  ["− +", "slower, faster"],
  ["z", "look closer, or the whole run"],
  ["n", "the next machine"],
  ["?", "this list"],
];

export function listen() {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=range]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || state.view !== "watch") return;
    if (event.key === " " && event.target.closest?.("button, summary, a")) return; // it presses that
    if (pressed(event)) event.preventDefault();
  });
}

function pressed(event) {
  if (event.key === "?") return set({ help: !state.help }) ?? true;
  if (event.key === "Escape") return set({ help: false }) ?? true;
  const [run] = state.runs;
  if (!run) return false;
  const moments = run.moments[chosenNode(run)] ?? {};
  switch (event.key) {
    case " ": play(); return true;
    case "ArrowLeft": step(run, event.shiftKey ? -1e9 : 0, -1); return true;
    case "ArrowRight": step(run, event.shiftKey ? 1e9 : 0, 1); return true;
    case "Home": jump(0); return true;
    case "End": jump(run.end); return true;
    case "z": case "Z": toggleZoom(run); return true;
    case "-": faster(1); return true;
    case "+": case "=": faster(-1); return true;
    case "n": next(run); return true;
    default: {
      const t = moments[MOMENTS[Number(event.key) - 1]?.[0]];
      if (t === undefined) return false;
      jump(t);
      return true;
    }
  }
}

function step(run, ns, samples) {
  play(false);
  if (ns) return seek(clock.t + ns);
  const node = chosenNode(run), times = run.columns[node].t_ns;
  const i = run.index(node, clock.t);
  return seek(times[Math.max(0, Math.min(times.length - 1, i + samples))]);
}

function faster(by) {
  const i = clock.speed === "auto" ? 1 : SPEEDS.indexOf(clock.speed);
  speed(SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, i + by))]);
}

function next(run) {
  const i = run.machines.indexOf(chosenNode(run));
  set({ node: run.machines[(i + 1) % run.machines.length] });
}
