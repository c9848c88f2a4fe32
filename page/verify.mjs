// How the page in the server's package differs from what its sources make.
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const COMPRESSED = ".gz";

/**
 * Each file of a folder that is not as it was built, with what is wrong. Compressed ones are compared as they are read:
 * another machine's zlib may write them otherwise.
 *
 * @param {string} folder
 * @param {ReadonlyMap<string, Buffer>} built
 * @returns {Promise<string[]>}
 */
export async function differences(folder, built) {
  const there = new Set(await readdir(folder).catch(() => []));
  const faults = [];
  for (const [name, bytes] of built) {
    if (!there.delete(name)) faults.push(`${name} is missing`);
    else if (!(await holds(join(folder, name), bytes))) faults.push(`${name} has another content`);
  }
  for (const name of there) faults.push(`${name} is not built any more`);
  return faults.sort();
}

async function holds(path, bytes) {
  // What a link leads to is not what git has.
  if (!(await lstat(path)).isFile()) return false;
  const found = await readFile(path);
  return path.endsWith(COMPRESSED) ? unzipped(found)?.equals(gunzipSync(bytes)) === true : found.equals(bytes);
}

function unzipped(bytes) {
  try {
    return gunzipSync(bytes);
  } catch {
    return null;
  }
}
