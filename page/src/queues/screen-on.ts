// Keeps a screen on that nobody touches, where the browser can.
import { useEffect } from "preact/hooks";

/** Hold the screen's wake lock while the component is mounted. The browser takes it away from a hidden page. */
export function useScreenOn(): void {
  useEffect(() => {
    let held: Promise<WakeLockSentinel | null> | null = null;
    const hold = (): void => {
      if (document.visibilityState === "visible") held = lockScreen();
    };
    document.addEventListener("visibilitychange", hold);
    hold();
    return () => {
      document.removeEventListener("visibilitychange", hold);
      void held?.then((lock) => lock?.release());
    };
  }, []);
}

/** Null where the browser has no such lock, where the page came over plain HTTP, and with little battery. */
async function lockScreen(): Promise<WakeLockSentinel | null> {
  try {
    return await navigator.wakeLock.request("screen");
  } catch {
    return null;
  }
}
