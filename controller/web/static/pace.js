// How fast `auto` plays: fast where nothing happens, slow from the flood's first packet to the moment it is decided.
const SECOND = 1e9;
const SLOW = 0.04; // 0.4 s of the run take 10 s: long enough to read three sentences (own)

export function paceAt(t, moments) {
  const { flood, decided } = moments;
  if (flood === undefined) return 1;
  if (t < flood - SECOND) return 4;
  if (t < flood) return 0.5;
  if (t < (decided ?? flood + 0.4 * SECOND)) return SLOW;
  return t < (decided ?? flood) + SECOND ? 0.25 : 4;
}
