// The moments of a run that a person wants to jump to, and the one sentence that says what became of it.
import { PAGE, bytes, count, moment, span } from "./words.js";

const STANDS_NS = 2e9; // as controller.experiment.trace: a shorter pause is not a standstill

export const MOMENTS = [
  ["flood", "Flood begins"],
  ["drop", "First drop in the flood"],
  ["progress", "Last progress"],
  ["closed", "Cycle closed"],
  ["revived", "Revived"],
  ["over", "Flood ends"],
];

export const LEAD_NS = 0.15e9; // so long before the flood it is worth a closer look (own)

// The span in which it is decided: from a little before the flood to a little after; around `t` where there is no flood.
export function decisive(run, node = run.worst, t = 0) {
  const { flood, decided } = run.moments[node] ?? {};
  const at = flood ?? t, until = Math.min(decided ?? at + 0.4e9, at + 5e9), from = Math.max(0, at - LEAD_NS);
  return { from, to: Math.min(run.end, Math.max(until + 0.15e9, from + 0.55e9)) };
}

// Of one machine: {flood, drop, progress, closed, revived, over, decided}, each in ns or undefined.
export function momentsOf(run, node) {
  const column = run.columns[node];
  const first = (kind) => run.events.find((event) => event.kind === kind && event.t_ns >= 0)?.t_ns;
  const flood = first("flood_start") ?? run.phases.find((phase) => phase.name === "flood")?.start_ns;
  const over = run.events.findLast?.((event) => event.kind === "flood_stop")?.t_ns;
  const moments = { flood, over };
  const times = column?.t_ns ?? [];
  const drop = firstDrop(run, node, times, flood ?? 0);
  if (drop !== undefined) moments.drop = drop;
  Object.assign(moments, standstill(column, times, flood ?? 0));
  moments.closed = closedAt(run.waiting[node] ?? [], moments.progress, moments.revived);
  moments.decided = moments.closed ?? (moments.progress === undefined ? undefined : moments.progress + 0.2e9);
  return moments;
}

// The first sample with more drops than when the flood began: a real kernel drops some of its ordinary traffic before.
function firstDrop(run, node, times, flood) {
  const before = run.index(node, flood), already = before < 0 ? 0 : run.dropped(node, before);
  return times.find((t, i) => i > before && run.dropped(node, i) > already);
}

// The longest time without a touched page that began in the flood or later.
function standstill(column, times, flood) {
  let longest = STANDS_NS, progress, revived;
  for (let i = 0; i < times.length; i++) {
    const age = column.progress_age_ns?.[i] ?? 0, since = times[i] - age;
    if (age > longest && since >= flood - 1e9) [longest, progress] = [age, since];
  }
  if (progress !== undefined) {
    const again = times.findIndex((t, i) => t > progress + longest && (column.progress_age_ns[i] ?? 0) < longest);
    if (again >= 0) revived = times[again] - column.progress_age_ns[again];
  }
  return { progress, revived };
}

// When the circle closed that did not open again before the machine was revived.
function closedAt(waiting, progress, revived) {
  if (progress === undefined) return undefined;
  let closed;
  for (const told of waiting) {
    if (told.t_ns < progress - 1e9 || told.t_ns > (revived ?? Infinity)) continue;
    if (!told.cycle.length) closed = undefined;
    else closed ??= told.t_ns;
  }
  return closed;
}

// "A 64 MiB machine, 20,000 junk packets a second: stopped after 0.2 s and has not come back."
export function sentenceOf(run) {
  const node = run.worst, moments = run.moments[node] ?? {};
  const machines = run.machines.length, known = run.memory(node), memory = bytes(known * PAGE);
  const who = machines === 1 ? `A ${known ? `${memory} ` : ""}machine` : `${machines} machines${known ? ` of ${memory}` : ""}`;
  const rate = run.flood(moments.flood ?? 0).rate;
  const junk = rate ? `, ${count(rate)} junk packets a second` : "";
  const policy = run.result.policy && run.result.policy !== "none" ? ` under ${run.result.policy}` : "";
  const fork = run.fork ? `, ${run.fork.change} from ${moment(run.fork.t_ns)} on` : "";
  return `${who}${policy}${junk}${fork}: ${fate(run, node, moments)}`;
}

function fate(run, node, moments) {
  const told = (run.result.nodes ?? []).find((each) => each.node === node) ?? {};
  const judged = told.stalled_since_ns == null ? moments.progress : told.stalled_since_ns - (run.about.zero_ns ?? 0);
  const after = judged === undefined || moments.flood === undefined ? "" : judged - moments.flood; // as the report says it
  const stopped = after === "" ? "stopped" : after < 0 ? "stopped before the flood" : `stopped after ${span(after)}`;
  const some = run.machines.length > 1 ? `${hungIn(run)} of them ` : "";
  const pace = told.warmup_pages_per_s ? Math.round((told.flood_pages_per_s / told.warmup_pages_per_s) * 100) : 0;
  switch (run.result.verdict) {
    case "healthy": return `kept working through it${pace ? `, at ${pace} % of its pace` : ""}.`;
    case "slow": return `kept going, at ${pace} % of its pace.`;
    case "starved": return `${some}${stopped} and came back only when the junk had stopped.`;
    case "livelock": return `${some}${stopped}: its requests are answered, and still it gets nowhere.`;
    case "deadlocked": return `${some}${stopped} and has not come back.`;
    case "oom": return "ran out of memory, and its application was killed.";
    case "panicked": return "its kernel gave up.";
    case "inconclusive": return "this run proves nothing.";
    default: return moments.progress !== undefined && moments.revived === undefined ? `${stopped}.` : "is being watched.";
  }
}

const hungIn = (run) => (run.result.nodes ?? []).filter((each) => !["healthy", "slow"].includes(each.verdict)).length;

// "memalloc would save it": where the gallery's scenario says so, and is tested for it.
export function remedyOf(run, about) {
  if (["healthy", "slow", "inconclusive", undefined].includes(run.result.verdict)) return "";
  const arms = (about?.gallery ?? []).find((each) => each.name === run.result.scenario)?.arms;
  const good = Array.isArray(arms) ? arms.find((arm) => arm.name === "good") : arms?.good;
  return good?.policy && good.policy !== run.result.policy ? good.policy : "";
}

// What happens at this moment, for who reads and for who listens.
export function narrate(run, node, t) {
  const now = run.at(node, t);
  if (!now) return "The machine has not begun yet.";
  const flooded = run.flood(t).rate > 0, moments = run.moments[node] ?? {};
  if (now.state === "dead") return "The application was killed to get memory back.";
  if (moments.closed !== undefined && t >= moments.closed && t < (moments.revived ?? Infinity)) {
    const over = flooded ? "" : " The junk has stopped, and that changes nothing.";
    return `It waits in a circle: nobody in it can free a page before somebody else in it does.${over}`;
  }
  if (now.ring === 0) return "No receive buffer is left: every packet is lost, the storage's answers too.";
  if (now.age > 1e9) return `Nothing gets on for ${span(now.age)}.`;
  if (now.free < now.min) return `Free memory is below min: what is left is the reserve, for whoever may use it.`;
  if (flooded && now.junk) return `Junk that nobody reads fills sockets: ${bytes(now.junkBytes)} so far. Free memory falls.`;
  const rate = run.packets(node, t).out ?? 0;
  if (rate > 1) return `The application works, and swaps ${count(rate)} pages a second out over the network.`;
  return flooded ? "Junk arrives, and the machine copes." : "The machine works.";
}
