// A live testbed: what its nodes tell now is appended to a run that is still open. It is what the page shows only while
// `state.live`: whoever opens another run keeps it, and `show` leads back.
import * as api from "./api.js";
import { clock, play, seek } from "./clock.js";
import { Run } from "./run.js";
import { fail, set, state } from "./store.js";

const SETTLE_MS = 250; // moments and charts follow four times a second

let about = { id: "live" }; // the stream's last `run`
let run = null; //             what was told of it since
let timer = 0;

// To be called once. It listens whatever is shown.
export const watch = () => api.stream("live", hear);

// Shows what goes on now.
export function show() {
  play(false);
  set({ view: "watch", live: true, runs: run ? [run] : [], loading: "", error: "", zoom: null });
  clock.t = clock.end = 0; // of another run
  settle();
}

function settle() {
  timer = 0;
  if (!state.live || !run?.machines.length) return;
  const followed = state.runs[0] !== run || clock.t >= clock.end - 2e9;
  run.settle();
  Object.assign(clock, { end: run.end, moments: run.moments[run.worst] ?? {} });
  if (followed && !clock.playing) seek(run.end);
  set({ runs: [run] });
}

function hear(kind, told) {
  if (kind === "run") [about, run] = [told, null]; // another one began: its times count from another zero
  if (kind === "samples") {
    run ??= new Run({ ...about, result: { run: about.id, tier: "live", nodes: [] }, phases: [] }, {}, []);
    for (const [node, columns] of Object.entries(told)) {
      if (known(run, node)) run.append(node, columns);
    }
  }
  if (kind === "event" && run) {
    run.events.push(told);
    run.hear(told);
  }
  if (kind === "result" && run?.id === told.run) run.result = told; // its nodes go on, and so does what is shown
  timer ||= setTimeout(settle, SETTLE_MS);
}

// Whether the server has said what `name` is; who came after the stream's last `run` is asked for, and shown from then on.
function known(run, name) {
  if (run.nodes.some((node) => node.name === name)) return true;
  const node = (run.about.nodes ?? []).find((each) => each.name === name);
  if (!node) return ask(run);
  run.nodes.push(node);
  (node.role === "target" ? run.targets : run.machines).push(name);
  return true;
}

function ask(run) {
  run.asked ??= api.get("/api/live").then((told) => (run.about.nodes = told.nodes)).catch(fail).finally(() => (run.asked = null));
  return false;
}
