// What is wrong with a page for people: text too faint or too small, controls without a name, ids given twice, what
// is cut off at its side. Contrast as WCAG 2.2 reckons it (1.4.3).
() => {
  const told = [];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("[aria-hidden=true]");
  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  const begin = (element) => `${element.textContent.trim().slice(0, 40)} ${element.outerHTML.slice(0, 90)}`;
  for (const element of document.querySelectorAll("main *, header *")) {
    if (!seen(element)) continue;
    const style = getComputedStyle(element);
    const svg = element.ownerSVGElement;
    if ([...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) && !element.matches("title")) {
      const [a, b] = [light(parse(svg ? style.fill : style.color)), light(behind(element))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const px = parseFloat(style.fontSize) * (svg ? svg.getScreenCTM().a : 1);
      if (!element.closest("button:disabled") && ratio < (px >= 24 ? 3 : 4.5)) told.push(`${ratio.toFixed(2)} faint: ${begin(element)}`);
      if (px < 8.5) told.push(`${px.toFixed(1)} px: ${begin(element)}`);
    }
    const named = element.textContent.trim() || element.getAttribute("aria-label");
    if (element.matches("button, a, summary, [role=button]") && !named) told.push(`no name: ${begin(element)}`);
    if (element.matches("input, select") && !element.getAttribute("aria-label")) told.push(`no label: ${begin(element)}`);
    const box = element.getBoundingClientRect();
    if (box.width && box.right > innerWidth + 1 && !element.closest(".scroll")) told.push(`cut off: ${begin(element)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return [...told, ...new Set(ids.filter((id, place) => ids.indexOf(id) !== place))];
}
