// A live testbed: what its nodes tell now is appended to a run that is still open.
import { open } from "./actions.js";
import * as api from "./api.js";
import { clock, seek } from "./clock.js";
import { Run } from "./run.js";
import { fail, set, state } from "./store.js";

const SETTLE_MS = 250; // moments and charts follow four times a second

export function watch() {
  let about = { id: "live" }, run = null, shown = "", timer = 0;
  const settle = () => {
    timer = 0;
    if (!run || !run.machines.length) return;
    const ours = !state.runs.length || state.runs[0].id === shown; // else somebody looks at another run
    if (!ours) return;
    const followed = state.runs[0] !== run || clock.t >= clock.end - 2e9;
    run.settle();
    Object.assign(clock, { end: run.end, moments: run.moments[run.worst] ?? {} });
    if (followed && !clock.playing) seek(run.end);
    shown = run.id;
    set({ runs: [run], live: true });
  };
  return api.stream("live", (kind, told) => {
    if (kind === "run") [about, run] = [told, null]; // another one began: its times count from another zero
    if (kind === "samples") {
      run ??= new Run({ ...about, result: { run: about.id, tier: "live", nodes: [] }, phases: [] }, {}, []);
      for (const [node, columns] of Object.entries(told)) {
        known(run, node);
        run.append(node, columns);
      }
    }
    if (kind === "event" && run) {
      run.events.push(told);
      run.hear(told);
    }
    if (kind === "result" && state.live && state.runs[0]?.id === shown) {
      run = null;
      shown = told.run;
      open([told.run]).catch(fail);
      return;
    }
    timer ||= setTimeout(settle, SETTLE_MS);
  });
}

function known(run, name) {
  if (run.nodes.some((node) => node.name === name)) return;
  const role = name.startsWith("target") ? "target" : "initiator";
  const node = (run.about.nodes ?? []).find((each) => each.name === name) ?? { name, role };
  run.nodes.push(node);
  (node.role === "target" ? run.targets : run.machines).push(name);
}
