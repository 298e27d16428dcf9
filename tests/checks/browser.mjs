// How well the words on a page can be read.

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
