() => {
  const faults = [];
  const shown = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && !e.closest("svg"));
  const said = (e) => `<${e.tagName.toLowerCase()}> ${(e.innerText || e.name || "").slice(0, 40)}`;

  // ---- Words
  if (document.querySelectorAll("h1").length !== 1) faults.push("there must be one h1");
  if (!document.title.trim()) faults.push("there is no title");
  for (const e of shown.filter((e) => e.matches("input, select, textarea"))) {
    if (!e.labels.length || !e.labels[0].innerText.trim()) faults.push(`no label: ${said(e)}`);
    if (e.getAttribute("aria-invalid") && !e.getAttribute("aria-describedby")) faults.push(`no reason: ${said(e)}`);
  }
  for (const e of shown.filter((e) => e.matches("a, button, summary"))) {
    if (!(e.ariaLabel || e.innerText).trim()) faults.push(`no words: ${e.outerHTML.slice(0, 60)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`id twice: ${id}`);
  for (const e of document.querySelectorAll("[aria-describedby]")) {
    for (const id of e.getAttribute("aria-describedby").split(" ")) if (!ids.includes(id)) faults.push(`no #${id}`);
  }

  // ---- Contrast (WCAG 2.2: 1.4.3 for text, 1.4.11 for the edges of fields and buttons)
  const rgba = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = (top, below) => below.map((c, at) => (at === 3 ? 1 : top[at] * top[3] + c * (1 - top[3])));
  const ground = (e) => {
    const layers = [];
    for (let at = e; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  for (const e of shown) {
    const style = getComputedStyle(e);
    const written = [...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (written || (e.matches("input") && e.value)) {
      const behind = ground(e);
      const ratio = contrast(over(rgba(style.color), behind), behind);
      if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${said(e)}`);
    }
    if (e.matches("input, button, summary")) {
      const around = ground(e.parentElement);
      const ratio = Math.max(contrast(rgba(style.borderTopColor), around), contrast(ground(e), around));
      if (ratio < 3) faults.push(`edge ${ratio.toFixed(2)}: ${said(e)}`);
    }
  }

  // ---- Room, as it is and with words 40 % longer
  const cramped = (when) => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) faults.push(`${when}: the page scrolls sideways`);
    for (const e of shown) {
      const box = e.getBoundingClientRect();
      if (box.width && (box.right > width + 0.5 || box.left < -0.5)) faults.push(`${when}: out of sight: ${said(e)}`);
    }
    for (const e of shown.filter((e) => e.matches("input, button, summary"))) {
      const box = e.getBoundingClientRect();
      if (box.height < 44 || box.width < 44) faults.push(`${when}: too small to touch: ${said(e)}`);
    }
  };
  cramped("as it is");
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push([walker.currentNode, walker.currentNode.data]);
  for (const [node, text] of texts) if (text.trim()) node.data = text + text.slice(0, Math.ceil(text.length * 0.4));
  cramped("40 % longer");
  for (const [node, text] of texts) node.data = text;
  return faults;
}
