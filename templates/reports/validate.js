"use strict";
// Filters and opens the exchanges that stand in the page already; without this script everything is there to read.
(() => {
  const exchanges = [...document.querySelectorAll("#list > .exchange")];
  const controls = document.getElementById("controls");
  const search = document.getElementById("search");
  const boxes = [...controls.querySelectorAll("input[name=verdict]")];
  const count = document.getElementById("count");
  const haystacks = new Map();

  const text = (exchange) => {
    if (!haystacks.has(exchange)) haystacks.set(exchange, exchange.textContent.toLowerCase());
    return haystacks.get(exchange);
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const exchange of exchanges) {
      const fits = wanted.has(exchange.dataset.verdict) && words.every((word) => text(exchange).includes(word));
      exchange.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${exchanges.length} shown`;
  };

  const openAll = (open) => {
    for (const exchange of exchanges) if (!exchange.hidden) exchange.open = open;
  };

  search.addEventListener("input", filter);
  controls.addEventListener("submit", (event) => event.preventDefault());
  for (const box of boxes) box.addEventListener("change", filter);
  document.getElementById("open").addEventListener("click", () => openAll(true));
  document.getElementById("close").addEventListener("click", () => openAll(false));
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      filter();
    }
  });

  // On paper everything is open; afterwards it is as it was.
  let before = [];
  addEventListener("beforeprint", () => {
    before = [...document.querySelectorAll("details")].filter((one) => !one.open);
    for (const one of before) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of before) one.open = false;
  });

  controls.hidden = false;
  filter();
})();
