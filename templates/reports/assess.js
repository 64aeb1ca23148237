"use strict";
// Filters, sorts and opens what stands in the page already; without this script everything is there to read.
(() => {
  const list = document.getElementById("list");
  const services = [...list.querySelectorAll(":scope > .service")];
  const controls = document.getElementById("controls");
  const search = document.getElementById("search");
  const verdicts = [...controls.querySelectorAll("input[name=verdict]")];
  const target = document.getElementById("target");
  const order = document.getElementById("order");
  const count = document.getElementById("count");
  const haystacks = new Map();
  const rank = { keep: 0, refactor: 1, convert: 2 };

  const text = (service) => {
    if (!haystacks.has(service)) haystacks.set(service, service.textContent.toLowerCase());
    return haystacks.get(service);
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(verdicts.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const service of services) {
      const fits =
        wanted.has(service.dataset.verdict) &&
        (!target.value || service.dataset.targets.split(" ").includes(target.value)) &&
        words.every((word) => text(service).includes(word));
      service.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${services.length} shown`;
  };

  const places = new Map(services.map((service, place) => [service, place]));
  const orders = {
    given: (a, b) => places.get(a) - places.get(b),
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name),
    verdict: (a, b) => rank[a.dataset.verdict] - rank[b.dataset.verdict] || a.dataset.score - b.dataset.score,
    best: (a, b) => b.dataset.score - a.dataset.score || a.dataset.name.localeCompare(b.dataset.name),
    effort: (a, b) => a.dataset.effort - b.dataset.effort || a.dataset.name.localeCompare(b.dataset.name),
  };
  const sort = () => list.append(...[...services].sort(orders[order.value]));

  const openAll = (open) => {
    for (const service of services) service.open = open;
  };
  const openTarget = () => {
    const found = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (found && found.tagName === "DETAILS") {
      found.open = true;
      found.scrollIntoView();
    }
  };

  search.addEventListener("input", filter);
  controls.addEventListener("submit", (event) => event.preventDefault());
  for (const box of verdicts) box.addEventListener("change", filter);
  target.addEventListener("change", filter);
  order.addEventListener("change", sort);
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
  addEventListener("hashchange", openTarget);

  controls.hidden = false;
  filter();
  openTarget();
})();
