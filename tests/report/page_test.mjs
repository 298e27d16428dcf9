// Tests of the report's page in headless Chromium:
//
//   node page_test.mjs RESULTS.json WITH_CHARTS WITHOUT_CHARTS
//
// The last two are directories of a report of those results. Ends with 1 and
// says what is wrong, if anything is.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import {contrasts, overflow, runAll} from "../checks/browser.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(resolve(root, "build/report/package.json"));
const { chromium } = require("playwright-core");
const [results, withCharts, withoutCharts] = process.argv.slice(2);
const raw = JSON.parse(readFileSync(results, "utf8"));
const model = JSON.parse(readFileSync(resolve(withCharts, "report.json"), "utf8"));
const PHONES = [360, 390];

// The page in a browser without a network; whatever it asks for or complains
// of is gathered in `complaints`.
async function open(browser, directory, options) {
  const context = await browser.newContext(
    {offline: true, viewport: {width: 1280, height: 900}, ...options});
  const page = await context.newPage();
  const complaints = [];
  const url = pathToFileURL(resolve(directory, "report.html")).href;
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (request.url() !== url && !request.url().startsWith("data:")) {
      complaints.push(`request: ${request.url()}`);
    }
  });
  await page.goto(url);
  return {page, complaints, close: () => context.close()};
}

// What a reader sees of each table, cell by cell.
const tables = (page) => page.evaluate(() =>
  [...document.querySelectorAll("table")].map((table) => ({
    title: table.caption.textContent,
    heads: [...table.tHead.rows[0].cells].map((cell) => cell.textContent),
    rows: [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => ({
      text: cell.textContent, value: cell.dataset.value,
    }))),
  })));

const said = (cell) => [cell.text, ...cell.small].join("");

async function theTablesAreTheModel(page) {
  const shown = await tables(page);
  const known = new Map();
  for (const section of model.sections) {
    for (const table of section.tables) {
      assert.ok(table.rows.length > 0, `the table "${table.title}" is empty`);
      const same = shown.find((one) => one.title === table.title &&
        JSON.stringify(one.heads) === JSON.stringify(table.heads.map(said)) &&
        !known.has(one));
      assert.ok(same, `the page has no table "${table.title}"`);
      known.set(same, table);
      assert.deepEqual(same.rows.map((row) => row.map((cell) => cell.text)),
                       table.rows.map((row) => row.map(said)), table.title);
      assert.deepEqual(
        same.rows.map((row) => row.slice(1).map((cell) =>
          cell.value === undefined ? undefined : Number(cell.value))),
        table.rows.map((row) => row.slice(1).map((cell) => cell.value)),
        table.title);
    }
  }
  assert.equal(shown.length, known.size);
}

// The table of all results, held against the benchmark's file itself.
async function theNumbersAreThoseMeasured(page) {
  const perUnit = {ns: 1, us: 1e3, ms: 1e6, s: 1e9};
  const rounds = new Map();
  for (const one of raw.benchmarks) {
    if (one.run_type === "aggregate" || one.error_occurred) continue;
    const name = one.run_name;
    if (!rounds.has(name)) rounds.set(name, []);
    rounds.get(name).push(one.real_time * perUnit[one.time_unit]);
  }
  const medians = [...rounds.values()].map((times) => {
    times.sort((a, b) => a - b);
    const middle = times.length >> 1;
    return times.length % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  });
  const shown = (await tables(page)).at(-1).rows.map((row) =>
    Number(row.find((cell) => cell.value !== undefined).value));
  assert.equal(shown.length, medians.length);
  const near = (a, b) => Math.abs(a - b) <= 1e-9 * Math.abs(b);
  medians.forEach((median, i) =>
    assert.ok(near(shown[i], median), `${shown[i]} is not the median ${median}`));
}

// Every chart has a mark for each number, within its drawing; no name or tick is
// cut off, and no line's name lies on another.
async function everyChartHasItsMarks(page) {
  const expected = new Map(model.sections.flatMap((section) =>
    section.charts.map((chart) => [chart.id, chart.kind === "lines"
      ? chart.series.reduce((sum, one) => sum + one.points.length, 0)
      : chart.groups.reduce((sum, group) => sum + group.rows.reduce(
          (all, row) => all + row.marks.length, 0), 0)])));
  const drawn = await page.evaluate(() =>
    [...document.querySelectorAll("figure.chart")].map((figure) => {
      const svg = figure.querySelector(".canvas svg");
      const id = figure.querySelector(".canvas").dataset.chart;
      if (!svg) return {id, title: figure.querySelector("h3").textContent, marks: 0};
      const frame = svg.getBoundingClientRect();
      const card = figure.getBoundingClientRect();
      const dots = [...svg.querySelectorAll("[aria-label=dot] > *")];
      const out = [...svg.querySelectorAll("text, circle, path")].filter((node) => {
        const box = node.getBoundingClientRect();
        return box.left < card.left - 1 || box.right > card.right + 1;
      });
      const odd = dots.filter((dot) => {
        const box = dot.getBoundingClientRect();
        return !(box.width > 0 && box.left >= frame.left - 6 &&
                 box.right <= frame.right + 6 && box.top >= frame.top - 6 &&
                 box.bottom <= frame.bottom + 6);
      });
      const names = [...svg.querySelectorAll(".names text")].map((node) =>
        ({name: node.textContent, box: node.getBoundingClientRect()}));
      const covered = names.filter(({box: a}, i) => names.some(({box: b}, j) =>
        j < i && a.left < b.right && b.left < a.right &&
        Math.abs(a.top - b.top) < a.height / 2));
      return {id, title: figure.querySelector("h3").textContent, marks: dots.length,
              covered: covered.map((one) => one.name),
              label: svg.getAttribute("aria-label"), odd: odd.length,
              out: out.map((node) => node.textContent),
              caption: figure.querySelector("figcaption").textContent};
    }));
  assert.ok(drawn.length > 0, "the page has no charts");
  assert.equal(drawn.length, model.sections.flatMap((one) => one.charts).length);
  for (const chart of drawn) {
    assert.equal(chart.marks, expected.get(chart.id),
                 `${chart.title}: not a mark for each number`);
    assert.equal(chart.label, chart.title);
    assert.equal(chart.odd, 0, `${chart.title}: marks outside the chart`);
    assert.deepEqual(chart.out, [], `${chart.title}: cut off`);
    assert.deepEqual(chart.covered, [], `${chart.title}: names lie on others`);
    assert.ok(chart.marks >= 1, `${chart.title}: no marks`);
    assert.ok(chart.caption.length > 10, `${chart.title}: no sentence`);
  }
  const lines = await page.locator(".chart [aria-label=line] path").count();
  assert.ok(lines > 0, "no line joins the sizes of a store");
}

const READ = ["h1", ".facts dt", ".lead", "td small", "figcaption", "nav a",
              ".eyebrow", ".good", ".bad", "summary", "thead th"];

const cases = {
  async "loads without network, errors or words on the console"(browser) {
    const {page, complaints, close} = await open(browser, withCharts);
    await page.mouse.move(400, 400);
    assert.deepEqual(complaints, []);
    await close();
  },
  async "its tables are the model's"(browser) {
    const {page, close} = await open(browser, withCharts);
    await theTablesAreTheModel(page);
    await close();
  },
  async "its numbers are those measured"(browser) {
    const {page, close} = await open(browser, withCharts);
    await theNumbersAreThoseMeasured(page);
    await close();
  },
  async "every chart has its marks, on a screen and on a phone"(browser) {
    for (const width of [1280, ...PHONES]) {
      const {page, close} = await open(
        browser, withCharts, {viewport: {width, height: 800}});
      await everyChartHasItsMarks(page);
      await close();
    }
  },
  async "a chart tells a number where the mouse is"(browser) {
    const {page, close} = await open(browser, withCharts);
    const dot = page.locator(".chart [aria-label=dot] > *").first();
    await dot.scrollIntoViewIfNeeded();
    await dot.hover({force: true});
    await page.waitForSelector(".chart [aria-label=tip] text", {timeout: 5000});
    await close();
  },
  async "charts follow the width of the window"(browser) {
    const {page, close} = await open(browser, withCharts);
    const width = () => page.evaluate(() =>
      document.querySelector(".canvas svg").getBoundingClientRect().width);
    const before = await width();
    await page.setViewportSize({width: 390, height: 800});
    await page.waitForFunction((was) => document.querySelector(
      ".canvas svg").getBoundingClientRect().width < was - 10, before);
    assert.equal(await overflow(page), 0);
    await close();
  },
  async "fits a phone: only tables scroll sideways"(browser) {
    for (const directory of [withCharts, withoutCharts]) {
      for (const width of PHONES) {
        const {page, close} = await open(
          browser, directory, {viewport: {width, height: 800}});
        assert.equal(await overflow(page), 0, `${width} wide`);
        await close();
      }
    }
  },
  async "is light or dark as the system is, and readable in both"(browser) {
    const grounds = [];
    for (const colorScheme of ["light", "dark"]) {
      const {page, complaints, close} = await open(
        browser, withCharts, {colorScheme});
      grounds.push(await page.evaluate(() =>
        getComputedStyle(document.body).backgroundColor));
      for (const {name, ratio} of await contrasts(page, READ)) {
        assert.ok(ratio >= 4.5, `${colorScheme}: ${name} has contrast ${ratio}`);
      }
      assert.deepEqual(complaints, []);
      await close();
    }
    assert.notEqual(grounds[0], grounds[1]);
  },
  async "is printed on white, with its charts"(browser) {
    const {page, close} = await open(browser, withCharts, {colorScheme: "dark"});
    await page.emulateMedia({media: "print"});
    const [ground, ink] = await page.evaluate(() => {
      const style = getComputedStyle(document.body);
      return [style.backgroundColor, style.color];
    });
    assert.equal(ground, "rgb(255, 255, 255)");
    assert.equal(ink, "rgb(29, 33, 38)");
    assert.ok((await page.pdf({format: "A4"})).length > 10000);
    await close();
  },
  async "works without the charts' libraries, and says how to get them"(browser) {
    const {page, complaints, close} = await open(browser, withoutCharts);
    await theTablesAreTheModel(page);
    assert.equal(await page.locator("svg").count(), 0);
    assert.equal(await page.locator("details:not([open])").count(),
                 await page.locator("section:not(:has(figure)) details").count());
    assert.match(await page.locator(".warning").last().textContent(), /npm/);
    assert.deepEqual(complaints, []);
    await close();
  },
  async "has its tables without JavaScript, too"(browser) {
    const {page, close} = await open(
      browser, withCharts, {javaScriptEnabled: false});
    assert.ok(await page.locator("tbody tr").count() > 0);
    await close();
  },
};

await runAll(chromium, "the report's page", cases);
