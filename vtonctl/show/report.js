"use strict";
(() => {
  const one = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = one("cards");
  const cards = all(".card");
  const matrix = main.classList.contains("grid");
  const tryon = document.documentElement.dataset.kind === "tryon";
  const order = new Map(cards.map((card, index) => [card, index]));
  main.style.setProperty("--columns", main.dataset.columns);

  /* ---- filters, order, view ---- */
  const wanted = { state: "", flag: "", person: "", garment: "", pose: "", text: "" };
  let shown = cards;

  const matches = (card) => {
    const d = card.dataset;
    return (!wanted.state || d.state === wanted.state)
      && (!wanted.flag || d.flags.split(" ").includes(wanted.flag))
      && (!wanted.person || d.person === wanted.person)
      && (!wanted.garment || d.garment === wanted.garment)
      && (!wanted.pose || d.pose === wanted.pose)
      && (!wanted.text || d.item.toLowerCase().includes(wanted.text));
  };

  const compare = {
    worst: (a, b) => rank(a) - rank(b),
    best: (a, b) => rank(b) - rank(a),
    name: (a, b) => a.dataset.item.localeCompare(b.dataset.item),
  };
  const rank = (card) => card.dataset.state === "failed" ? -1 : Number(card.dataset.score || 1);

  const refresh = () => {
    const sorter = compare[one("sort").value];
    shown = cards.filter(matches);
    cards.forEach((card) => card.classList.toggle("out", !matches(card)));
    if (sorter) shown = [...shown].sort((a, b) => sorter(a, b) || order.get(a) - order.get(b));
    const sorted = new Map(shown.map((card, index) => [card, index]));
    const list = main.classList.contains("list");
    cards.forEach((card) => { card.style.order = list && sorter ? sorted.get(card) ?? 0 : ""; });
    main.classList.toggle("filtered", shown.length < cards.length);
    one("shown").textContent = shown.length === cards.length
      ? "" : shown.length + " of " + cards.length + " shown";
    one("empty").hidden = shown.length > 0;
    if (matrix) collapse();
  };

  /* rows and columns without any matching card are left out of the grid */
  const collapse = () => {
    const list = main.classList.contains("list");
    const rows = new Set(shown.map((card) => card.dataset.person));
    const columns = new Set(shown.map((card) => card.dataset.garment));
    const width = Number(main.dataset.columns);
    const tops = all(".side.top", main);
    tops.forEach((top) => { top.hidden = !columns.has(top.dataset.key); });
    all(".side.left", main).forEach((left) => {
      const row = !rows.has(left.dataset.key);
      left.hidden = row;
      let cell = left.nextElementSibling;
      for (let i = 0; i < width; i += 1, cell = cell.nextElementSibling) {
        cell.hidden = !list && (row || tops[i].hidden);
      }
    });
    main.style.setProperty("--columns", Math.max(columns.size, 1));
  };

  const setView = (view) => {
    main.classList.toggle("grid", view === "grid");
    main.classList.toggle("list", view === "list");
    press("[data-view]", (button) => button.dataset.view === view);
    refresh();
  };
  const press = (selector, test) => all(selector).forEach((button) => {
    button.setAttribute("aria-pressed", String(test(button)));
  });

  all("[data-filter]").forEach((button) => button.addEventListener("click", () => {
    wanted.state = button.dataset.filter;
    press("[data-filter]", (b) => b === button);
    /* a few cards are easier to judge side by side than scattered over the grid */
    if (matrix) setView(wanted.state ? "list" : "grid"); else refresh();
  }));
  all("[data-view]").forEach((button) => {
    button.addEventListener("click", () => setView(button.dataset.view));
  });
  ["flag", "person", "garment", "pose"].forEach((name) => one(name)?.addEventListener("change", (event) => {
    wanted[name] = event.target.value;
    refresh();
  }));
  one("sort").addEventListener("change", () => {
    if (matrix && one("sort").value) setView("list"); else refresh();
  });
  one("find").addEventListener("input", (event) => {
    wanted.text = event.target.value.trim().toLowerCase();
    refresh();
  });
  one("size").addEventListener("input", (event) => {
    document.documentElement.style.setProperty("--size", event.target.value + "px");
  });
  one("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  all(".side", main).forEach((side) => side.addEventListener("click", () => {
    const name = side.classList.contains("top") ? "garment" : "person";
    wanted[name] = wanted[name] === side.dataset.key ? "" : side.dataset.key;
    one(name).value = wanted[name];
    refresh();
  }));

  /* ---- large view ---- */
  const box = one("box");
  const stage = box.querySelector(".stage");
  const pane = box.querySelector(".compare");
  let current = null;
  let views = [];
  let chosen = 1;

  const side = (kind, key) => all(".side." + kind).find((s) => s.dataset.key === key);
  const sideView = (kind, key, name) => {
    const found = side(kind, key);
    if (!found) return null;
    const image = getComputedStyle(found.querySelector("i")).backgroundImage;
    const thumb = image.startsWith("url(") ? image.slice(5, -2) : "";
    return { name, thumb, href: found.dataset.href };
  };
  const load = (image, view) => {
    image.hidden = !view;
    image.onerror = null;
    if (!view) { image.removeAttribute("src"); return; }
    image.alt = view.name;
    /* the thumbnail stands in until, or unless, the full-size file is there */
    image.onerror = () => { image.onerror = null; if (view.thumb) image.src = view.thumb; };
    image.src = view.href || view.thumb;
  };
  const slide = (percent) => pane.style.setProperty("--x", Math.max(0, Math.min(100, percent)) + "%");

  const choose = (index) => {
    chosen = index;
    const before = views.length > 1 ? views[0] : null;
    const after = views[Math.min(index, views.length - 1)] ?? null;
    load(one("before"), before);
    load(one("after"), after);
    one("line").hidden = !before;
    one("before-name").textContent = before?.name ?? "";
    one("after-name").textContent = after?.name ?? "";
    one("before-name").hidden = !before;
    one("after-name").hidden = !after;
    press("#tabs button", (button) => Number(button.dataset.index) === index);
  };

  const open = (card) => {
    current = card;
    const d = card.dataset;
    views = all(".view", card).map((image) => (
      { name: image.dataset.name, thumb: image.src, href: image.dataset.href }));
    const failed = d.state === "failed";
    if (tryon) {
      const photo = sideView("left", d.person, "photo");
      views = photo ? [photo, ...views] : views;
    }
    fillTabs();
    one("box-why").hidden = true;
    choose(Math.min(chosen, Math.max(views.length - 1, 0)) || (views.length > 1 ? 1 : 0));
    if (!views.length) {
      one("box-why").hidden = false;
      one("box-why").textContent = card.querySelector(".why")?.textContent ?? "No picture.";
    }
    one("box-title").textContent = tryon
      ? d.person + " in " + d.garment + (d.pose ? ", " + d.pose : "") : d.item;
    const score = Math.round(Number(d.score) * 100);
    one("meter").value = score;
    one("score").textContent = score;
    one("box-score").hidden = failed || !d.score;
    one("box-flags").hidden = !d.flags;
    one("box-flags").replaceChildren(...all(".flags li", card).map((li) => li.cloneNode(true)));
    one("box-facts").replaceChildren(...[...card.querySelector(".facts").children].map(
      (child) => child.cloneNode(true)));
    fillGarment(d.garment);
    fillLinks(d);
    stage.classList.remove("zoomed");
    if (!box.open) { slide(50); box.showModal(); }
    history.replaceState(null, "", "#" + card.id);
  };

  const fillTabs = () => {
    const buttons = views.slice(1).map((view, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = view.name;
      button.dataset.index = index + 1;
      button.addEventListener("click", () => choose(index + 1));
      return button;
    });
    one("tabs").replaceChildren(...(buttons.length > 1 ? buttons : []));
  };
  const fillGarment = (key) => {
    const view = tryon ? sideView("top", key, "garment") : null;
    one("box-garment").hidden = !view;
    load(one("garment-picture"), view);
    one("box-garment").querySelector("figcaption").textContent = key;
  };
  const fillLinks = (d) => {
    const garment = tryon ? sideView("top", d.garment, "garment") : null;
    one("links").replaceChildren(...[...views, garment].filter((v) => v?.href).map((view) => {
      const link = document.createElement("a");
      link.href = view.href;
      link.target = "_blank";
      link.rel = "noopener";
      link.textContent = view.name;
      return link;
    }));
  };

  const step = (by) => {
    const at = shown.indexOf(current);
    if (shown.length) open(shown[(at + by + shown.length) % shown.length]);
  };
  const stepPerson = (by) => {
    const same = shown.filter((card) => card.dataset.garment === current.dataset.garment);
    if (same.length) open(same[(same.indexOf(current) + by + same.length) % same.length]);
  };
  const flip = () => slide(parseFloat(pane.style.getPropertyValue("--x")) > 50 ? 0 : 100);

  cards.forEach((card) => {
    card.addEventListener("click", () => open(card));
    card.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(card); }
    });
  });
  const keys = {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), " ": flip,
    ArrowUp: () => stepPerson(-1), ArrowDown: () => stepPerson(1),
    z: () => stage.classList.toggle("zoomed"),
  };
  /* on the document: a click on a picture takes the focus out of the dialog */
  document.addEventListener("keydown", (event) => {
    const action = box.open && !event.ctrlKey && !event.metaKey && keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  box.addEventListener("close", () => {
    history.replaceState(null, "", location.pathname + location.search);
    current?.focus({ preventScroll: true });
    current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  one("close").addEventListener("click", () => box.close());
  one("prev").addEventListener("click", () => step(-1));
  one("next").addEventListener("click", () => step(1));
  pane.addEventListener("dblclick", () => stage.classList.toggle("zoomed"));

  const follow = (event) => {
    const area = pane.getBoundingClientRect();
    slide(100 * (event.clientX - area.left) / area.width);
  };
  pane.addEventListener("pointerdown", (event) => {
    pane.setPointerCapture(event.pointerId);
    follow(event);
    pane.addEventListener("pointermove", follow);
  });
  ["pointerup", "pointercancel"].forEach((name) => pane.addEventListener(name, () => {
    pane.removeEventListener("pointermove", follow);
  }));
  all("img", pane).forEach((image) => { image.draggable = false; });

  const linked = location.hash && document.getElementById(location.hash.slice(1));
  if (linked && linked.classList.contains("card")) open(linked);
  refresh();
})();
