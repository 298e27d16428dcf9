// Tests of the documentation site in headless Chromium:
//
//   node site_test.mjs DIRECTORY NODE_MODULES
//
// Opens the pages of the navigation, on a screen and on a phone, light and
// dark. Ends with 1 and says what is wrong, if anything is.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import {contrasts, overflow, runAll} from "./browser.mjs";

const [site, modules] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(resolve(dirname(modules), "package.json"));
const { chromium } = require("playwright-core");
const PHONES = [360, 390];
const home = pathToFileURL(`${site}/`).href;

// A page in a browser that can reach files only; what it complains of, and
// what it asks for that is not of the site, is gathered in `complaints`.
async function open(browser, name, options) {
  const context = await browser.newContext(
    {offline: true, viewport: {width: 1280, height: 900}, ...options});
  const page = await context.newPage();
  const complaints = [];
  await page.route("**", (route) => {
    const url = route.request().url();
    if (url.startsWith(home)) return route.continue();
    complaints.push(`request: ${url}`);
    return route.abort();
  });
  page.on("console", (message) => complaints.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
  await page.goto(new URL(name, home).href);
  return {page, complaints, close: () => context.close()};
}

const ground = (page) => page.evaluate(() =>
  getComputedStyle(document.body).backgroundColor);

// What the navigation offers: a list of pages for each of its groups.
async function offered(browser) {
  const {page, close} = await open(browser, "index.html");
  const groups = await page.evaluate(() =>
    [...document.querySelectorAll("#nav ul")].map((list) =>
      [...list.querySelectorAll("a")].map((link) => link.getAttribute("href"))));
  await close();
  return groups.map((group) => group.filter((url) => !url.includes("/")));
}

// One page of each kind, the first class among them.
function kinds(groups) {
  const classes = readdirSync(site).filter((name) =>
    /^class.*_1_1.*(?<!-members)\.html$/.test(name));
  return [...groups.map((group) => group[0]), classes.sort()[0]].filter(Boolean);
}

const READ = ["h1", ".contents p", ".contents a[href]", ".contents code", "#nav h2",
              "#nav a", "#nav [aria-current]", "#toc a", ".console b", ".console i",
              ".fragment .comment", ".fragment .keyword", ".fragment .stringliteral",
              "th"];

const cases = {
  async "opens without network, errors or words on the console"(browser, groups) {
    for (const name of kinds(groups)) {
      const {page, complaints, close} = await open(browser, name);
      assert.deepEqual(complaints, [], name);
      assert.equal(await page.locator("h1").count(), 1, `${name}: its title`);
      assert.equal(await page.locator("#nav [aria-current]").count(), 1,
                   `${name}: its place in the navigation`);
      assert.ok(await page.locator("#nav").isVisible());
      await close();
    }
  },
  async "gives what a member does as much room as other text"(browser, groups) {
    const name = kinds(groups).at(-1);  // a class
    const {page, close} = await open(browser, name);
    const indents = await page.evaluate(() => {
      const left = (node) => node.getBoundingClientRect().left;
      const heading = document.querySelector(".contents h2.groupheader");
      return [...document.querySelectorAll(".memitem")].map(
        (member) => Math.round(left(member) - left(heading)));
    });
    assert.ok(indents.length > 0, name);
    assert.ok(indents.every((indent) => indent <= 0), `${name}: ${indents}`);
    await close();
  },
  async "is light or dark as the system is, and readable in both"(browser, groups) {
    for (const name of kinds(groups)) {
      const grounds = [];
      for (const colorScheme of ["light", "dark"]) {
        const {page, close} = await open(browser, name, {colorScheme});
        grounds.push(await ground(page));
        for (const {name: what, ratio} of await contrasts(page, READ)) {
          assert.ok(ratio >= 4.5, `${name}, ${colorScheme}: ${what} has contrast ${ratio}`);
        }
        await close();
      }
      assert.notEqual(grounds[0], grounds[1], name);
    }
  },
  async "is light or dark as its reader wants, on the next page, too"(browser) {
    const {page, close} = await open(browser, "index.html", {colorScheme: "light"});
    const before = await ground(page);
    await page.click("#theme");
    const after = await ground(page);
    assert.notEqual(before, after);
    await page.goto(new URL("api.html", home).href);
    assert.equal(await ground(page), after);
    await close();
  },
  async "fits a phone: only blocks, tables and drawings scroll sideways"(browser, groups) {
    const names = [...new Set([...groups.flat(), ...kinds(groups)])];
    const {page, close} = await open(browser, "index.html");
    for (const name of names) {
      await page.setViewportSize({width: PHONES[0], height: 800});
      await page.goto(new URL(name, home).href);
      for (const width of PHONES) {
        await page.setViewportSize({width, height: 800});
        assert.equal(await overflow(page), 0, `${name}, ${width} wide`);
      }
    }
    await close();
  },
  async "has its navigation behind a button on a phone"(browser) {
    const {page, close} = await open(
      browser, "index.html", {viewport: {width: 390, height: 800}});
    const link = page.locator('#nav a[href="api.html"]');
    assert.ok(!await link.isVisible());
    await page.click("#menu");
    await link.click();
    assert.ok(page.url().endsWith("api.html"));
    assert.ok(!await link.isVisible());
    await close();
  },
  async "finds what is searched for"(browser) {
    for (const width of [1280, ...PHONES]) {
      const {page, complaints, close} = await open(
        browser, "index.html", {viewport: {width, height: 800}});
      await page.keyboard.press("/");
      await page.keyboard.type("headers");
      await page.waitForSelector("#results a");
      assert.equal(await overflow(page), 0);
      await page.fill("#search", "no such word anywhere");
      await page.waitForFunction(() => !document.querySelector("#results a"));
      await page.fill("#search", "the headers");
      await page.waitForSelector("#results a");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/api.html*");
      assert.deepEqual(complaints, []);
      await close();
    }
  },
  async "finds only what is there"() {
    const text = readFileSync(resolve(site, "index.js"), "utf8");
    const index = JSON.parse(text.slice(text.indexOf("["), text.lastIndexOf("]") + 1));
    const pages = new Map();
    for (const [title, , url] of index) {
      const [name, anchor] = url.split("#");
      if (!pages.has(name)) {
        assert.ok(existsSync(resolve(site, name)), `${title}: ${url}`);
        pages.set(name, readFileSync(resolve(site, name), "utf8"));
      }
      assert.ok(!anchor || pages.get(name).includes(`id="${anchor}"`), `${title}: ${url}`);
    }
    assert.ok(index.length > 0);
  },
  async "can be read without JavaScript, too"(browser) {
    const {page, close} = await open(browser, "index.html", {javaScriptEnabled: false});
    assert.ok(await page.locator("#nav a").first().isVisible());
    assert.ok(!await page.locator("#theme").isVisible());
    await page.setViewportSize({width: 390, height: 800});
    assert.ok(await page.locator("#nav a").first().isVisible());
    await close();
  },
};

await runAll(chromium, "the site", cases, async (browser) => [await offered(browser)]);
