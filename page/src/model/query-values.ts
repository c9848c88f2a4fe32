// Values of a parameter of the address: joined by commas, or the parameter repeated. A backslash takes the comma, the
// equals sign or the backslash after it as it is.

/** Split at each separator that is not escaped. The parts keep their escapes. */
export function splitEscaped(text: string, separator: string, atMost = Infinity): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length && parts.length + 1 < atMost; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

export function unescaped(text: string): string {
  return text.replace(/\\([\\,=])/g, "$1");
}

export function escaped(text: string): string {
  return text.replace(/[\\,]/g, "\\$&");
}

/** Return a label as a value of the address. */
export function escapedLabel(key: string, value: string): string {
  return `${key.replace(/[\\,=]/g, "\\$&")}=${escaped(value)}`;
}

/** Return the values of a parameter as they were written, with their escapes, each once. */
export function rawValues(query: URLSearchParams, param: string): string[] {
  return [...new Set(query.getAll(param).flatMap((joined) => splitEscaped(joined, ",")))];
}

/** Return the change of the address, for `setQuery`, that adds a value; a parameter with one value is replaced. */
export function adding(
  query: URLSearchParams,
  param: string,
  raw: string,
  single: boolean,
): Record<string, string | null> {
  const values = single ? [] : rawValues(query, param).filter((value) => value !== raw);
  return { [param]: [...values, raw].join(",") };
}

/** Return the change of the address, for `setQuery`, that takes a value out. */
export function removing(query: URLSearchParams, param: string, raw: string): Record<string, string | null> {
  const values = rawValues(query, param).filter((value) => value !== raw);
  return { [param]: values.length ? values.join(",") : null };
}
