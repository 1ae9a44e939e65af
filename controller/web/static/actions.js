// What a person can ask for: open runs, simulate one, fork one, look closer. Each says in words what went wrong.
import * as api from "./api.js";
import { clock, play, seek } from "./clock.js";
import * as link from "./link.js";
import * as live from "./live.js";
import { LEAD_NS, decisive } from "./moments.js";
import { Run } from "./run.js";
import { fail, set, state } from "./store.js";

const CLOSER = 800; // steps of a close-up: two for a pixel of a narrow chart (own)

export async function fetchRun(id) {
  const [about, columns, events] = await Promise.all([api.get(api.run(id)), api.get(`${api.run(id)}/samples`), api.get(`${api.run(id)}/events`)]);
  if (!Object.keys(columns).length) throw new Error(`The run ${id} has no samples: it was broken off before its first one.`);
  return new Run(about, columns, events.items ?? events);
}

// Shows these runs beside each other. `begin`: play from a moment before the flood.
export async function open(ids, { t = null, node = "", begin = false } = {}) {
  set({ loading: "Opening the run", progress: 0, error: "", view: "watch" });
  try {
    const known = new Map(state.live ? [] : state.runs.map((run) => [run.id, run])); // of a live one a part is there
    const runs = [];
    for (const id of ids) runs.push(known.get(id) ?? (await fetchRun(id)));
    show(runs, node);
    seek(t ?? restingAt(runs[0]));
    if (begin) set({ loading: "Going through the decisive second again, finer" });
    await closer(runs);
    if (begin) start(runs[0]);
    else if (t === null) seek(restingAt(runs[0])); // of which more is known now
    set({ loading: "" });
  } catch (problem) {
    fail(problem);
  }
}

function show(runs, node) {
  clock.end = Math.max(...runs.map((run) => run.end));
  play(false);
  set({ runs, node: node || runs[0].worst, loading: "", zoom: null, live: false });
  clock.moments = runs[0].moments[runs[0].worst] ?? {};
}

// What a run is first seen at: when it was decided, or in the middle of its flood.
function restingAt(run) {
  const { closed, progress, flood } = run.moments[run.worst] ?? {};
  const at = closed ?? progress;
  return at !== undefined ? at + 0.3e9 : flood !== undefined ? Math.min(run.end, flood + 5e9) : run.end / 2;
}

function start(run) {
  const { flood = 0 } = run.moments[run.worst] ?? {};
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return seek(restingAt(run));
  set({ zoom: decisive(run) });
  seek(Math.max(0, flood - LEAD_NS));
  return play(true);
}

// Finer samples of the time in which it is decided, where the server can give them: of simulated runs only.
export async function closer(runs = state.runs) {
  for (const run of runs) {
    const { flood, decided } = run.moments[run.worst] ?? {};
    if (run.result.tier !== "sim" || flood === undefined || run.looked.length) continue;
    const from = Math.max(0, flood - LEAD_NS), to = Math.min(run.end, Math.max(flood + 0.5e9, Math.min((decided ?? 0) + 0.1e9, flood + 2e9)));
    run.looked.push([from, to]);
    try {
      const step = Math.max(1e5, Math.round((to - from) / CLOSER / 1e5) * 1e5);
      run.refine(await api.get(`${api.run(run.id)}/closeup?from_ns=${Math.round(from)}&to_ns=${Math.round(to)}&step_ns=${step}`));
      if (run === state.runs[0]) clock.moments = run.moments[run.worst];
      set({});
    } catch (problem) {
      if (![404, 405, 409, 422].includes(problem.status)) throw problem; // else the run is shown as it was recorded; 409: a testbed records
    }
  }
}

export async function simulate(scenario, policy, { beside = false, begin = true } = {}) {
  set({ loading: `Simulating ${scenario} under ${policy}`, progress: 0, error: "", view: "watch" });
  play(false);
  try {
    const { id } = await api.post("/api/simulations", { scenario, policy });
    await finished(id);
    await open(beside && state.runs.length ? [state.runs[0].id, id] : [id], { begin });
  } catch (problem) {
    fail(problem);
  }
}

// What if, from the clock's moment on, one thing had been another?
export async function fork(change, words) {
  const [run] = state.runs, t = Math.round(clock.t);
  play(false);
  set({ loading: `What if ${words} from ${(t / 1e9).toFixed(3)} s on?`, progress: 0, error: "" });
  try {
    const { id } = await api.post(`${api.run(run.id)}/fork`, { t_ns: t, ...change });
    await finished(id);
    await open([run.id, id], { t, node: state.node });
  } catch (problem) {
    fail(problem);
  }
}

// Waits until a run that goes on is whole; tells how far it is.
function finished(id) {
  return new Promise((whole, broken) => {
    const end = api.stream(id, (kind, told) => {
      if (kind === "progress") set({ progress: told.of_ns ? told.done_ns / told.of_ns : 0 });
      if (kind !== "result" && kind !== "failed") return;
      end();
      if (kind === "result") whole();
      else broken(new Error(told.error));
    });
  });
}

// The address was changed, by hand or by the browser's buttons.
export async function follow() {
  const told = link.read();
  if (told.view === "runs") return set({ view: "runs" });
  if (told.live) return state.about.live ? live.show() : fail("No testbed stands behind this page: `netreserve up` starts one, and serves a page of its own.");
  if (!told.runs.length) return set({ view: "watch" });
  const same = !state.live && told.runs.join() === state.runs.map((run) => run.id).join();
  if (!same) return open(told.runs, told);
  set({ view: "watch", node: told.node || state.node });
  if (told.t !== null && Math.abs(told.t - clock.t) > 1) seek(told.t);
  return undefined;
}
