// In the page, before its own scripts: what takes long, and when something is seen.
(() => {
    const tasks = [];
    const paints = [];
    new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) tasks.push([startTime, duration]);
    }).observe({ type: "longtask", buffered: true });
    const frame = globalThis.requestAnimationFrame.bind(globalThis);
    globalThis.requestAnimationFrame = (paint) =>
        frame((at) => {
            const begun = performance.now();
            paint(at);
            paints.push(performance.now() - begun);
        });
    /** Resolve with the time of day when the frame in which it holds has been painted. */
    const seen = (holds) =>
        new Promise((resolve) => {
            const look = () => {
                if (!holds()) return frame(look);
                const channel = new MessageChannel();
                channel.port1.onmessage = () => resolve(performance.timeOrigin + performance.now());
                channel.port2.postMessage(null);
            };
            frame(look);
        });
    const stateOf = (row) => row?.querySelector("[data-column=state]")?.textContent ?? "";
    const lines = () => [...document.querySelectorAll("table[aria-label=Callbacks] tr[data-id]")];
    globalThis.probe = {
        begin() {
            tasks.length = paints.length = 0;
        },
        result: () => ({ tasks: tasks.map(([, duration]) => duration), paints }),
        rows: () => document.querySelectorAll("tr").length,
        picture: (rows) =>
            seen(() => document.querySelector(`table[aria-rowcount="${rows + 1}"] tr[data-id]`)).then(
                (at) => at - performance.timeOrigin,
            ),
        waiting() {
            const box = document.querySelector("table[aria-label=Callbacks]").parentElement.getBoundingClientRect();
            return lines()
                .filter((row) => stateOf(row).startsWith("QUEUED") && row.getBoundingClientRect().bottom < box.bottom)
                .map((row) => row.dataset.id);
        },
        state: (id, state) => seen(() => stateOf(lines().find((row) => row.dataset.id === id)).startsWith(state)),
    };
})();
