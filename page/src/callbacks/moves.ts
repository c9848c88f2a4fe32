// What the keys do in the list: the cursor moves, the panel opens, the life opens. All by id, never by position.
import { address, go, setQuery } from "../app/router.js";
import { cursor, list, viewport } from "./list.js";

/** Open the panel of a callback. Choosing a row is a step that "back" takes back. */
export function select(id: string): void {
  cursor.value = id;
  if (address.peek().query.get("sel") !== id) setQuery({ sel: id });
}

export function deselect(): void {
  if (address.peek().query.has("sel")) setQuery({ sel: null });
  else cursor.value = "";
}

export function openLife(id: string): void {
  go(`/ui/callbacks/${encodeURIComponent(id)}`);
}

/** Move the cursor by rows. An open panel follows, without a step of its own. */
export function move(by: number): void {
  const rows = list.peek()?.picture.rows;
  if (!rows || rows.shown.length === 0) return;
  const at = rows.indexOf(current());
  const index = at < 0 ? (by > 0 ? 0 : rows.shown.length - 1) : Math.min(Math.max(at + by, 0), rows.shown.length - 1);
  moveTo(index);
}

export function movePage(direction: 1 | -1): void {
  move(direction * viewport.page);
}

export function moveTo(index: number): void {
  const rows = list.peek()?.picture.rows.shown ?? [];
  const row = index < 0 ? rows.at(index) : rows[index];
  if (!row) return;
  cursor.value = row.id;
  if (address.peek().query.has("sel")) setQuery({ sel: row.id }, "replace");
}

/** The row that keys act on: that of the cursor, or the selected one. */
export function current(): string {
  return cursor.peek() || (address.peek().query.get("sel")?.toLowerCase() ?? "");
}
