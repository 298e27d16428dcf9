// What the pages of the site do: light and dark, the menu of a phone, copying
// from a block, and the search. No page needs it to be read.
"use strict";

const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

// Where nothing can be kept, the choice holds for the page.
const kept = {
  get() {
    try { return localStorage.getItem("strata-theme"); } catch { return null; }
  },
  set(theme) {
    try { localStorage.setItem("strata-theme", theme); } catch { /* so be it */ }
  },
};

function show(theme) {
  root.classList.toggle("dark-mode", theme === "dark");
  root.classList.toggle("light-mode", theme !== "dark");
}

const wanted = () => kept.get() || (system.matches ? "dark" : "light");
show(wanted());
root.classList.add("scripted");
system.addEventListener("change", () => show(wanted()));

// --- blocks ----------------------------------------------------------------

// Of a console only what is typed, of other blocks everything.
function content(block) {
  const typed = [...block.querySelectorAll("b")];
  if (block.classList.contains("console")) {
    return typed.map((line) => [...line.childNodes].filter(
      (node) => node.nodeName !== "I").map((node) => node.textContent).join(""))
      .join("\n");
  }
  const lines = [...block.querySelectorAll(".line")];
  return lines.length ? lines.map((line) => line.textContent.replace(/\u00a0/g, " "))
    .join("\n") : block.textContent;
}

function addCopyButtons() {
  for (const block of document.querySelectorAll(".contents .fragment")) {
    if (!navigator.clipboard) return;
    const frame = document.createElement("div");
    frame.className = "frame";
    block.replaceWith(frame);
    const button = document.createElement("button");
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(content(block));
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    frame.append(block, button);
  }
}

// A table that is wider than the page scrolls in a box of its own.
function boxTables() {
  for (const table of document.querySelectorAll(
    ".contents :is(.markdownTable, .doxtable, .fieldtable, .directory, .memberdecls)")) {
    const box = document.createElement("div");
    box.className = "box";
    table.replaceWith(box);
    box.append(table);
  }
}

// --- search ----------------------------------------------------------------

let loading;
const load = () => loading ||= new Promise((done) => {
  const script = document.createElement("script");
  script.src = "index.js";
  script.onload = () => done(window.searchIndex.map(([title, where, url, text]) =>
    ({title, where, url, text, low: title.toLowerCase(), words: text.toLowerCase()})));
  document.head.append(script);
});

function score(entry, words) {
  let sum = entry.where === "source" ? -5 : 0;
  if (entry.low === words.join(" ")) sum += 100;
  for (const word of words) {
    const at = entry.low.indexOf(word);
    const starts = at === 0 || (at > 0 && /\W/.test(entry.low[at - 1]));
    if (entry.low === word || entry.low.endsWith(`::${word}`)) sum += 60;
    else if (at >= 0) sum += starts ? 30 : 10;
    else {
      const count = entry.words.split(word).length - 1;
      if (count === 0) return -Infinity;
      sum += 2 + Math.min(count, 8);
    }
  }
  return sum - entry.low.length / 50;
}

const marked = (text, words) => {
  const made = document.createDocumentFragment();
  const pattern = new RegExp(`(${words.map((word) =>
    word.replace(/[^\w\s]/g, "\\$&")).join("|")})`, "gi");
  text.split(pattern).forEach((part, i) => {
    const node = document.createElement(i % 2 ? "mark" : "span");
    node.textContent = part;
    made.append(node);
  });
  return made;
};

function result(entry, words) {
  const link = document.createElement("a");
  link.href = entry.url;
  const title = document.createElement("strong");
  title.append(marked(entry.title, words));
  const where = document.createElement("small");
  where.textContent = entry.where;
  link.append(title, where);
  if (entry.text) {
    const at = Math.max(0, ...words.map((word) => entry.words.indexOf(word)));
    const from = Math.max(0, entry.text.lastIndexOf(" ", Math.max(0, at - 30)) + 1);
    const piece = document.createElement("p");
    const cut = entry.text.slice(from, from + 150);
    const short = from + 150 < entry.text.length ? cut.replace(/\s+\S*$/, " …") : cut;
    piece.append(marked((from > 0 ? "… " : "") + short, words));
    link.append(piece);
  }
  return link;
}

async function search(box, results) {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) {
    results.hidden = true;
    return;
  }
  const entries = await load();
  const found = entries.map((entry) => ({entry, points: score(entry, words)}))
    .filter(({points}) => points > -Infinity)
    .sort((a, b) => b.points - a.points).slice(0, 30);
  results.replaceChildren(...found.map(({entry}) => result(entry, words)));
  if (!found.length) results.textContent = "Nothing found.";
  results.hidden = false;
}

function setUpSearch() {
  const box = document.getElementById("search");
  const results = document.getElementById("results");
  const links = () => [...results.querySelectorAll("a")];
  box.addEventListener("focus", load);
  box.addEventListener("input", () => search(box, results));
  document.addEventListener("keydown", (event) => {
    const typing = /INPUT|TEXTAREA/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing) {
      event.preventDefault();
      box.focus();
    } else if (event.key === "Escape") {
      results.hidden = true;
      document.body.classList.remove("open");
    } else if (!results.hidden && /^Arrow(Up|Down)$/.test(event.key)) {
      const all = [box, ...links()];
      const at = all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      event.preventDefault();
      all[Math.min(Math.max(at, 0), all.length - 1)].focus();
    } else if (event.key === "Enter" && typing && links().length) {
      links()[0].click();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("#find") || event.target.closest("#results a")) {
      results.hidden = true;
    }
  });
}

// --- the page --------------------------------------------------------------

document.addEventListener("DOMContentLoaded", () => {
  document.getElementById("theme").addEventListener("click", () => {
    const theme = root.classList.contains("dark-mode") ? "light" : "dark";
    kept.set(theme);
    show(theme);
  });
  const menu = document.getElementById("menu");
  menu.addEventListener("click", () => {
    menu.setAttribute("aria-expanded", document.body.classList.toggle("open"));
  });
  const toc = document.getElementById("toc");
  if (toc) toc.open = matchMedia("(min-width: 80rem)").matches;
  document.querySelector("#nav [aria-current]")?.scrollIntoView({block: "nearest"});
  boxTables();
  addCopyButtons();
  setUpSearch();
});
