// A run as the page knows it: columns of samples by node, events, and who waited for whom. Times are ns from its zero.
import { momentsOf } from "./moments.js";
import { PAGE, verdict } from "./words.js";

const DROPS = ["early_drops", "rcvbuf_drops", "no_buffer_drops"];
const RATE_NS = 50e6; // a rate is over at least so long: 20 packets of a burst are not a rate (own)

export class Run {
  constructor(about, columns, events) {
    this.about = about;
    this.id = about.id;
    this.result = about.result ?? {};
    this.fork = about.fork ?? null; // {forked_from, t_ns, change}: what it does otherwise, and from when on
    this.columns = columns;
    this.events = events;
    this.phases = about.phases ?? [];
    this.looked = []; // spans that a close-up was asked for: [from, to, step]
    const roles = Object.fromEntries((about.nodes ?? []).map((node) => [node.name, node]));
    this.nodes = Object.keys(columns).map((name) => roles[name] ?? { name, role: name.split("-")[0] });
    this.machines = this.nodes.filter((node) => node.role !== "target").map((node) => node.name);
    this.targets = this.nodes.filter((node) => node.role === "target").map((node) => node.name);
    this.waiting = {}; // by machine: {t_ns, waits, cycle}, each in force until the next
    for (const event of events) this.hear(event);
    this.settle();
  }

  // What tells it from others of its scenario, in a few words.
  get label() {
    return this.fork ? this.fork.change : this.result.policy || "no policy";
  }

  // To be called after anything was added.
  settle() {
    const ends = Object.values(this.columns).map((column) => column.t_ns.at(-1) ?? 0);
    this.end = Math.max(1, ...ends, ...this.phases.map((phase) => phase.end_ns));
    this.worst = worst(this);
    this.moments = Object.fromEntries(this.machines.map((name) => [name, momentsOf(this, name)]));
  }

  // The sample that is in force at `t`: its index, or -1 before the first.
  index(node, t) {
    const times = this.columns[node]?.t_ns ?? [];
    let low = 0, high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= t) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // The figures of `node` at `t`; null where there is no sample yet.
  at(node, t) {
    const i = this.index(node, t);
    return i < 0 ? null : this.row(node, i);
  }

  row(node, i) {
    const column = this.columns[node];
    const get = (name) => column[name]?.[i] ?? 0;
    const total = this.total(node);
    const free = get("free_pages"), junk = Math.ceil(get("junk_held_bytes") / PAGE);
    const flight = get("writeback_pages");
    const real = this.result.tier === "kernel"; // it does not tell its application's pages apart
    const used = real ? total - free - junk - flight : get("dirty_pages") - flight;
    const app = Math.max(0, Math.min(used, total - free - junk - flight));
    return {
      t: get("t_ns"), total, free, junk, flight, app, other: Math.max(0, total - free - junk - flight - app),
      min: get("min_pages"), low: get("low_pages"), high: get("high_pages"), state: get("state"), policy: get("policy"),
      reserve: get("reserve_used_pages"), ring: get("ring_free_slots"), age: get("progress_age_ns"),
      packets: get("junk_packets"), junkBytes: get("junk_held_bytes"), inFlight: get("in_flight"),
      served: get("requests_served"), progress: get("progress_pages"),
    };
  }

  // What its scenario says that it has, in pages; 0 where none says it.
  memory(node) {
    return this.nodes.find((each) => each.name === node)?.machine?.memory_pages ?? 0;
  }

  // What its tank is drawn as: that, or else the most that was seen of it.
  total(node) {
    if (this.memory(node)) return this.memory(node);
    const column = this.columns[node];
    return this.guess ??= Math.max(1, ...column.free_pages.map((free, i) => free + (column.dirty_pages[i] ?? 0)));
  }

  slots(node) {
    const told = this.nodes.find((each) => each.name === node)?.machine?.ring_slots;
    return told || Math.max(1, ...(this.columns[node]?.ring_free_slots ?? [1]));
  }

  // What arrived per second around `t`, by what became of it.
  packets(node, t) {
    const i = this.index(node, t), column = this.columns[node];
    if (i < 1) return { seconds: 0 };
    let before = i - 1;
    while (before > 0 && column.t_ns[i] - column.t_ns[before] < RATE_NS) before -= 1;
    const seconds = (column.t_ns[i] - column.t_ns[before]) / 1e9 || 1;
    const grown = (name) => Math.max(0, (column[name]?.[i] ?? 0) - (column[name]?.[before] ?? 0));
    const told = { queued: grown("junk_packets"), early: grown("early_drops"), full: grown("rcvbuf_drops"),
      lost: grown("no_buffer_drops"), failed: grown("rx_alloc_failures"), out: grown("swap_out_pages"),
      in: grown("swap_in_pages"), touched: grown("progress_pages") };
    told.storage = Math.max(0, grown("rx_packets") - told.queued - told.early - told.full - told.lost);
    for (const name of Object.keys(told)) told[name] /= seconds;
    told.storageLost = grown("block_drops") / seconds;
    return { ...told, seconds };
  }

  dropped(node, i) {
    return DROPS.reduce((sum, name) => sum + (this.columns[node][name]?.[i] ?? 0), 0);
  }

  // Junk that is sent at `t`, in packets per second: what the floods were told to be.
  flood(t) {
    let rate = 0, kind = "";
    for (const event of this.events) {
      if (event.t_ns > t) break;
      if (event.kind === "flood_start") {
        rate += event.detail?.rate_pps ?? event.detail?.rps ?? 0;
        kind = event.detail?.kind || kind || "junk";
      }
      if (event.kind === "flood_stop") [rate, kind] = [0, ""];
    }
    return { rate, kind };
  }

  // Who waited for whom at `node` at `t`: {t_ns, waits, cycle}, or null.
  waits(node, t) {
    const told = this.waiting[node] ?? [];
    for (let i = told.length - 1; i >= 0; i--) if (told[i].t_ns <= t) return told[i];
    return null;
  }

  // More samples, of a run that is being recorded: columns like those that are there.
  append(node, more) {
    const column = (this.columns[node] ??= { t_ns: [] }), last = column.t_ns.at(-1) ?? -1;
    const first = more.t_ns.findIndex((t) => t > last); // a stream that was taken up again may tell some twice
    if (first < 0) return;
    for (const [name, values] of Object.entries(more)) (column[name] ??= []).push(...values.slice(first));
  }

  // What an event says of who waits for whom.
  hear(event) {
    const { waits = [], cycle = [] } = event.detail ?? {};
    const told = event.kind === "stall" || (event.kind === "autopsy" && cycle.length) ? { waits, cycle } : event.kind === "recovered" ? { waits: [], cycle: [] } : null;
    if (told && this.machines.includes(event.node)) (this.waiting[event.node] ??= []).push({ t_ns: event.t_ns, ...told });
  }

  // Finer samples between those that are there.
  refine(closeup) {
    for (const [node, finer] of Object.entries(closeup.columns ?? {})) {
      if (this.columns[node]) this.columns[node] = merged(this.columns[node], finer);
    }
    for (const told of closeup.waits ?? []) (this.waiting[told.node] ??= []).push(told);
    for (const list of Object.values(this.waiting)) list.sort((a, b) => a.t_ns - b.t_ns);
    this.settle();
  }
}

function worst(run) {
  const judged = [...(run.result.nodes ?? [])].sort((a, b) => verdict(b.verdict).rank - verdict(a.verdict).rank);
  return judged.find((node) => run.columns[node.node])?.node ?? run.machines[0] ?? "";
}

function merged(coarse, finer) {
  const times = coarse.t_ns, more = finer.t_ns;
  const from = more[0], to = more.at(-1);
  const start = times.findIndex((t) => t >= from);
  if (start < 0) return coarse;
  let stop = times.findIndex((t) => t > to);
  if (stop < 0) stop = times.length;
  const kept = {};
  for (const [name, values] of Object.entries(coarse)) {
    const middle = finer[name] ?? new Array(more.length).fill(values[start] ?? 0);
    kept[name] = [...values.slice(0, start), ...middle, ...values.slice(stop)];
  }
  return kept;
}
