// The widths of the priority strips: one scale for a whole table, so that strips can be compared.

/** The gap between two tiles, in rem: 2 px. */
export const GAP_REM = 0.15;
const LEAST_TILE_REM = 1.35;
const DIGIT_REM = 0.58;
// Five callbacks are not wider than the narrowest tile, however few wait.
const LARGEST_SCALE = LEAST_TILE_REM / 5;

/** Return the least width of a tile, in rem, in which its count can be read. */
export function tileFloor(count: number): number {
  return LEAST_TILE_REM + DIGIT_REM * Math.max(0, String(count).length - 2);
}

/** Return the width of a tile, in rem. */
export function tileWidth(count: number, scale: number): number {
  return Math.max(tileFloor(count), count * scale);
}

/** Return the rem per callback with which the widest of these strips just fits. A strip is the counts of its tiles. */
export function stripScale(strips: readonly (readonly number[])[], widthRem: number): number {
  return Math.min(LARGEST_SCALE, ...strips.map((counts) => scaleOf(counts, widthRem)));
}

function scaleOf(counts: readonly number[], widthRem: number): number {
  let free = widthRem - GAP_REM * (counts.length - 1);
  let growing = [...counts];
  for (;;) {
    const all = growing.reduce((sum, count) => sum + count, 0);
    if (all === 0) return counts.length === 0 ? LARGEST_SCALE : 0;
    const scale = Math.max(0, free / all);
    // A tile that needs more than its share takes it from the others, which may then need more, too.
    const held = growing.filter((count) => count * scale < tileFloor(count));
    if (held.length === 0) return scale;
    free -= held.reduce((sum, count) => sum + tileFloor(count), 0);
    growing = growing.filter((count) => count * scale >= tileFloor(count));
  }
}
