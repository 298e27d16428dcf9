// What the tests of pages in headless Chromium share.

// Runs each case with a browser and what else it wants, and says what is wrong.
// The process is to end with 1 if anything is.
export async function runAll(chromium, title, cases, prepare = () => []) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update",
           "--disable-sync"]});
  const more = await prepare(browser);
  for (const [name, run] of Object.entries(cases)) {
    try {
      await run(browser, ...more);
    } catch (error) {
      process.exitCode = 1;
      console.log(`${title}: ${name}: ${error.message}`);
    }
  }
  await browser.close();
}

// How many pixels a page is wider than what shows it.
export const overflow = (page) => page.evaluate(() =>
  document.documentElement.scrollWidth - document.documentElement.clientWidth);

// For each name that a page has: the contrast of its colour on what is behind
// it, as WCAG counts it, from 1 to 21.
export const contrasts = (page, names) => page.evaluate((wanted) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map((part) =>
      (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\)$|transparent/.test(colour) && colour.startsWith("rgb")) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  return wanted.flatMap((name) => {
    const node = document.querySelector(name);
    if (!node) return [];
    const [a, b] = [light(getComputedStyle(node).color), light(ground(node))];
    return [{name, ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)}];
  });
}, names);
