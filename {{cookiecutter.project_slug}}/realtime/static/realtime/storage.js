// The browser's storage for this site; where it is blocked or full, the memory of this page.

const remembered = new Map();

export const storage = {
  /** @returns {string | null} */
  get(key) {
    return remembered.get(key) ?? attempt(() => localStorage.getItem(key)) ?? null;
  },

  set(key, value) {
    remembered.set(key, value);
    if (attempt(() => localStorage.setItem(key, value) ?? true)) remembered.delete(key);
  },

  remove(key) {
    remembered.delete(key);
    attempt(() => localStorage.removeItem(key));
  },

  /** @returns {string[]} the keys that begin with `prefix`, each once: a new value may be here, and an old one kept */
  keys(prefix) {
    const kept = attempt(() => Object.keys(localStorage)) ?? [];
    return Array.from(new Set([...kept, ...remembered.keys()])).filter((key) => key.startsWith(prefix));
  },
};

/** Removes what other people left under `prefix` in this browser: only they may see it. */
export function forgetOthers(prefix, mine) {
  for (const key of storage.keys(prefix)) if (!key.startsWith(mine)) storage.remove(key);
}

/** Calls back when another tab has changed something under `prefix`. */
export function watch(prefix, changed) {
  addEventListener("storage", ({ key }) => {
    if (key === null || key.startsWith(prefix)) changed();
  });
}

function attempt(access) {
  try {
    return access();
  } catch {
    return undefined; // Storage is blocked or full.
  }
}
