// Clocks that tick: <time data-until>. Their words are the page's own; without this they stand still.
"use strict";

function tick() {
  const now = Date.now();
  for (const clock of document.querySelectorAll("time[data-until]")) {
    const left = Math.floor((Date.parse(clock.dateTime) - now) / 1000);
    const [d, h, m, s] = [left / 86400, (left / 3600) % 24, (left / 60) % 60, left % 60].map(Math.floor);
    const two = (n) => String(n).padStart(2, "0");
    const { in: before = "in ", passed = "passed" } = clock.dataset;
    clock.textContent = left < 0 ? passed : `${before}${d ? `${d} d ` : ""}${two(h)}:${two(m)}:${two(s)}`;
    clock.classList.toggle("soon", left < 1800);
  }
}

tick();
setInterval(tick, 1000);
