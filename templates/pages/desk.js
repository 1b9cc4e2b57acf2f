// What open pages of the desk do by themselves: look for news (clock.js lets clocks tick). Nothing
// else needs it; without it a page is as it was when it was opened.
"use strict";

const EVERY = 8000; // milliseconds between two looks

function busy() {
  const at = document.activeElement;
  return document.hidden || (at && at.closest("form") && at.closest("main")) ||
    document.querySelector("main form[data-filled]");
}

async function look(main, state) {
  if (busy()) return;
  const answer = await fetch(location.href, {
    headers: state.tag ? { "If-None-Match": state.tag } : {},
    credentials: "same-origin",
    cache: "no-store",
  });
  if (answer.redirected) location.reload(); // signed out meanwhile
  if (answer.status !== 200) return;
  state.tag = answer.headers.get("ETag");
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("main");
  if (!fresh || busy()) return;
  const open = [...main.querySelectorAll("details[open] > summary")].map((one) => one.textContent);
  main.replaceChildren(...fresh.childNodes);
  for (const one of main.querySelectorAll("details > summary")) {
    if (open.includes(one.textContent)) one.parentElement.open = true;
  }
  document.title = page.title;
}

document.addEventListener("input", (event) => {
  if (event.target.form) event.target.form.dataset.filled = "";
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) return;
  const search = document.querySelector("input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});
if (document.querySelector("[data-live]")) {
  const state = { tag: null };
  const main = document.querySelector("main");
  const again = () => look(main, state).catch(() => {});
  again();
  setInterval(again, EVERY);
}
