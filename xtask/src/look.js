// What is wrong with the page as it is shown: what is wider than the window, cut off, over other text, or too small to read.
const wrong = [];
const root = document.documentElement;
if (root.scrollWidth > innerWidth) wrong.push(`wider than the window: ${root.scrollWidth} of ${innerWidth}`);
const clash = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3;
for (const svg of document.querySelectorAll("svg")) {
  const sheet = svg.getBoundingClientRect();
  if (!sheet.width) continue;
  const texts = [...svg.querySelectorAll("text")].map((text) => [text.textContent.trim(), text.getBoundingClientRect()]);
  if (48 * sheet.width / svg.viewBox.baseVal.width < 10.5) wrong.push("small text");
  texts.forEach(([name, at], index) => {
    if (at.left < sheet.left - 1 || at.right > sheet.right + 1 || at.top < sheet.top - 2 || at.bottom > sheet.bottom + 2) wrong.push(`cut off: ${name}`);
    for (const [other, there] of texts.slice(index + 1)) if (clash(at, there)) wrong.push(`${name} over ${other}`);
  });
}
for (const part of document.querySelectorAll("main *")) {
  if (part.closest("svg, thead") || !part.clientWidth) continue;
  if (part.scrollWidth > part.clientWidth + 1) wrong.push(`cut off: ${part.textContent.trim().slice(0, 60)}`);
}
root.dataset.look = wrong.length ? [...new Set(wrong)].join("; ") : "good";
