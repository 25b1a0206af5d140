// What scripts add to the pages: life, never function. Every page works without them, so this
// file only reads attributes of the markup and fetches what the server would have shown anyway.

const root = document.documentElement;
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
// A page that answers a form of another one: from here on it is at its own address.
if (root.dataset.address) history.replaceState(null, "", root.dataset.address);
const delayed = (wait, act) => {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(act, wait, ...values);
  };
};

// ---- Announcements: read out politely, at most one in five seconds, the latest one wins.

const announcer = document.body.appendChild(document.createElement("div"));
announcer.className = "visually-hidden";
announcer.setAttribute("role", "status");
let announcedAt = -5000;
let announcing;
function announce(text) {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    announcedAt = performance.now();
    announcer.textContent = text;
  }, Math.max(100, announcedAt + 5000 - performance.now()));
}

// ---- Fetching a page, or a part of one. None when the session ended: then a note leads to sign-in.

async function fetched(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { Accept: "text/html", ...options.headers } });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") {
    toast("You are signed out. What you typed is kept.", "Sign in", `/sign-in?next=${encodeURIComponent(location.pathname)}`);
    return null;
  }
  if (!answer.ok) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function toast(text, action, href) {
  const list = document.querySelector(".toasts") ?? document.body.appendChild(document.createElement("div"));
  list.className = "toasts";
  const note = document.createElement("div");
  note.className = "toast";
  note.setAttribute("role", "status");
  note.append(text);
  if (action) {
    const link = document.createElement("a");
    link.href = href;
    link.textContent = action;
    note.append(" ", link);
  } else {
    setTimeout(() => note.remove(), 10_000);
  }
  list.replaceChildren(note);
}

// ---- Unsaved changes: form[data-guard] counts them, warns before leaving, and keeps a draft. What
// the server shows again, as it was refused, is not saved either: data-unsaved names those fields.

const SENT = "draft sent";
const sent = sessionStorage.getItem(SENT);
sessionStorage.removeItem(SENT);
// The page after a form says that it was saved: its draft is done.
if (sent && document.querySelector(".flash:not(.danger)")) sessionStorage.removeItem(sent);

function guard(form) {
  const note = form.querySelector(".unsaved");
  const before = new Set((form.dataset.unsaved ?? "").split(" ").filter(Boolean));
  const key = `draft ${location.pathname}`;
  const controls = () => all("input, select, textarea", form).filter((it) => it.name && it.type !== "hidden" && !it.closest("[data-unguarded]"));
  const isChanged = (it) => {
    if (it.type === "checkbox" || it.type === "radio") return it.checked !== it.defaultChecked;
    if (it.tagName !== "SELECT") return it.value !== it.defaultValue;
    const options = [...it.options];
    const first = options.some((option) => option.defaultSelected) ? (option) => option.defaultSelected : (option) => option.index === 0;
    return options.some((option) => option.selected !== first(option));
  };
  const isUnsaved = (it) => isChanged(it) || before.has(it.name);
  // A checklist is ticked and not saved: it comes back, but nothing of it is left unsaved.
  const names = () => new Set(controls().filter((it) => isUnsaved(it) && !it.closest("[data-uncounted]")).map((it) => it.name));
  // What the server compares with, to know what somebody else saved since: it belongs to the draft.
  const origin = () => ["version", "opened"].map((name) => form.querySelector(`input[type=hidden][name=${name}]`)).filter(Boolean);
  const shown = origin().map((it) => it.value);
  let leaving = false;
  const tell = () => {
    const count = names().size;
    if (note) {
      note.classList.toggle("changed", count > 0);
      note.textContent = count === 0 ? "No unsaved changes" : count === 1 ? "1 unsaved change" : `${count} unsaved changes`;
    }
    const draft = controls().filter(isUnsaved);
    if (draft.length === 0) return sessionStorage.removeItem(key);
    const isChoice = (it) => it.type === "radio" || it.type === "checkbox";
    const isSecret = (it) => it.type === "password";
    sessionStorage.setItem(key, JSON.stringify({
      origin: origin().map((it) => it.value),
      values: draft.filter((it) => !isSecret(it)).map((it) => [it.name, isChoice(it) ? it.value : null, isChoice(it) ? it.checked : it.value]),
      secrets: draft.filter(isSecret).map((it) => it.name),
    }));
  };
  const restore = ({ origin: from, values, secrets }) => {
    for (const [name, choice, value] of values) {
      const control = controls().find((it) => it.name === name && (choice === null || it.value === choice));
      if (!control) continue;
      if (choice === null) control.value = value;
      else control.checked = value;
    }
    // A secret is kept nowhere; only that there was one, so that it is not lost without a word.
    const lost = controls().filter((it) => it.type === "password" && secrets.includes(it.name));
    for (const it of lost) {
      before.add(it.name);
      const due = form.appendChild(document.createElement("input"));
      Object.assign(due, { type: "hidden", name: `${it.name}-due`, value: "on" });
      form.addEventListener("reset", () => { due.remove(); before.delete(it.name); }, { once: true });
    }
    if (names().size === 0) return;
    const again = lost.map((it) => ` Type the ${it.labels[0]?.textContent ?? it.name} again.`).join("");
    toast(`Your unsaved changes are back.${again}`);
    if (from.join() === shown.join()) return;
    origin().forEach((it, at) => { it.value = from[at] ?? it.value; });
    const banner = document.createElement("div");
    banner.className = "banner warning";
    banner.setAttribute("role", "status");
    banner.textContent = "This was saved by somebody after you began to type. What you did not touch is shown as it is saved now. Where both of you changed the same, Save shows you theirs before it replaces anything.";
    form.before(banner);
    form.addEventListener("reset", () => { banner.remove(); origin().forEach((it, at) => { it.value = shown[at]; }); }, { once: true });
  };
  const kept = JSON.parse(sessionStorage.getItem(key) ?? "null");
  if (kept?.values && before.size === 0 && !controls().some(isChanged)) restore(kept);
  form.addEventListener("input", tell);
  form.addEventListener("change", tell);
  form.addEventListener("reset", () => setTimeout(tell));
  form.addEventListener("submit", () => {
    leaving = true;
    sessionStorage.setItem(SENT, key);
  });
  all("[data-discard]", form).forEach((button) => button.addEventListener("click", (event) => {
    event.preventDefault();
    form.reset();
  }));
  all("a[data-forget]").forEach((link) => link.addEventListener("click", () => {
    leaving = true;
    sessionStorage.removeItem(key);
  }));
  addEventListener("beforeunload", (event) => { if (!leaving && names().size > 0) event.preventDefault(); });
  tell();
}

// ---- The interval of a schedule: [data-interval=id] has parts that edit the Cron expression in that
// field, and follow what is typed there. [data-mirrors=ids] shows what those parts of the page show.

function interval(dialog) {
  const field = document.getElementById(dialog.dataset.interval);
  const [every, time] = ["#interval-choice", "#interval-time"].map((it) => dialog.querySelector(it));
  const [days, parts] = [all("[data-day]", dialog), all("[data-cron]", dialog)];
  const isDaily = (expression) => /^\d+ \d+ /.test(expression);
  const daysOf = (text) => {
    if (text === "*") return days.map((it) => it.dataset.day);
    const ranges = text.split(",").map((it) => it.match(/^([0-7])(?:-([0-7]))?$/));
    if (ranges.includes(null)) return null;
    return ranges.flatMap(([, from, to]) => Array.from({ length: Number(to ?? from) - Number(from) + 1 }, (_, at) => String((Number(from) + at) % 7)));
  };
  const refusal = document.getElementById("interval-time-error");
  const refuse = (isWrong) => {
    refusal.hidden = !isWrong;
    time.setAttribute("aria-invalid", String(isWrong));
  };
  const tell = () => {
    const expression = field.value.trim();
    const fields = expression.split(/\s+/);
    const [minute, hour, date, month, day] = fields;
    const options = [...every.options].filter((it) => it.value !== "");
    const alike = (it) => it.value.split(" ").slice(0, 2).join(" ") === `${minute} ${hour}`;
    const chosen = fields.length === 5 && date === "*" && month === "*" ? daysOf(day) : null;
    const found = options.find((it) => it.value === expression) ?? (chosen && (isDaily(expression) ? options.find((it) => isDaily(it.value)) : options.find(alike)));
    every.value = found?.value ?? "";
    time.disabled = !found || !isDaily(expression);
    time.value = time.disabled ? "" : `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
    refuse(false);
    days.forEach((it) => { it.checked = Boolean(found && chosen?.includes(it.dataset.day)); it.disabled = !found; });
    parts.forEach((it, at) => {
      it.disabled = fields.length !== 5;
      if (it !== document.activeElement) it.value = it.disabled ? "" : fields[at];
    });
  };
  const write = (expression) => {
    field.value = expression;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  every.addEventListener("change", () => every.value && write(every.value));
  const choose = () => {
    let [minute, hour] = field.value.trim().split(/\s+/);
    const clock = time.value.trim().match(/^([01]?\d|2[0-3]):([0-5]\d)$/);
    // What is no time changes nothing, and is said.
    if (!time.disabled && !clock) return refuse(true);
    if (!time.disabled) [hour, minute] = clock.slice(1).map(Number);
    const ticked = days.filter((it) => it.checked).map((it) => it.dataset.day);
    const [first, last] = [ticked[0], ticked.at(-1)];
    const isRange = ticked.length > 2 && last - first === ticked.length - 1;
    const listed = isRange ? `${first}-${last}` : ticked.join(",");
    write(`${minute} ${hour} * * ${[0, 7].includes(ticked.length) ? "*" : listed}`);
  };
  [time, ...days].forEach((it) => it.addEventListener("change", choose));
  parts.forEach((it) => it.addEventListener("input", () => write(parts.map((part) => part.value.trim() || "*").join(" "))));
  field.addEventListener("input", tell);
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input")) return;
    event.preventDefault();
    dialog.close();
  });
  const mirror = () => all("[data-mirrors]", dialog).forEach((it) => {
    const shown = it.dataset.mirrors.split(" ").map((id) => document.getElementById(id));
    it.replaceChildren(...shown.flatMap((part) => [...(part?.cloneNode(true).childNodes ?? [])]));
  });
  const effect = document.getElementById("effect");
  if (effect) new MutationObserver(mirror).observe(effect, { childList: true });
  mirror();
  tell();
}

// ---- Fragments: [data-preview=address][data-preview-into=id] posts its form while one types and
// shows the answer; [data-filter=id] fetches its own page, or that of data-action where it is no form
// of its own, and takes over the list of that id.

function preview(part) {
  const form = part.closest("form");
  let pending;
  const show = delayed(400, async () => {
    const into = document.getElementById(part.dataset.previewInto);
    pending?.abort();
    pending = new AbortController();
    into.setAttribute("aria-busy", "true");
    try {
      const answer = await fetched(part.dataset.preview, { method: "POST", body: new URLSearchParams(new FormData(form)), signal: pending.signal });
      if (answer) into.replaceChildren(...answer.body.childNodes);
      into.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") into.removeAttribute("aria-busy");
    }
  });
  part.addEventListener("input", show);
  part.addEventListener("change", show);
}

// ---- Parts that are asked for anew while the page is looked at: [data-refresh=address]. Not for ever:
// a page that is left open must not keep its session alive.

const REFRESH_MS = 10_000;
const REFRESHES_MAX = 60;

function refresh(part) {
  let left = REFRESHES_MAX;
  const show = async () => {
    if (document.hidden) return;
    const answer = await fetched(part.dataset.refresh).catch(() => null);
    left = answer ? left - 1 : 0;
    if (answer) part.replaceChildren(...answer.body.childNodes);
    if (left <= 0) clearInterval(timer);
  };
  const timer = setInterval(show, REFRESH_MS);
}

// ---- Commands that follow a form: [data-follows=id of the form] with the command in [data-typed], where
// {field|WORD} is what is typed, {--flag,|usual} the flag with all that is ticked of its field, where
// that is not the usual, and {--flag*|} the flag once for each line of its field.

function follows(code) {
  const form = document.getElementById(code.dataset.follows);
  const quoted = (text) => (/^[\w./:@,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  const tell = () => {
    const data = new FormData(form);
    const value = (name) => (form.elements[name]?.selectedOptions?.[0]?.text ?? String(data.get(name) ?? "")).trim();
    const listed = (flag, many, usual) => {
      const typed = data.getAll(flag).flatMap((it) => String(it).split("\n")).map((it) => it.trim()).filter(Boolean);
      if (many === ",") return typed.join() === usual ? "" : ` --${flag} ${quoted(typed.join())}`;
      return typed.map((it) => ` --${flag} ${quoted(it)}`).join("");
    };
    code.textContent = code.dataset.typed.replace(/\{--([\w-]+)([,*])\|([^}]*)\}|\{([\w-]+)((?::[\w-]+=[\w-]+)*)\|([^}]*)\}/g, (_, flag, many, usual, name, others, word) => {
      if (flag) return listed(flag, many, usual);
      const other = others.split(":").map((it) => it.split("=")).find(([chosen]) => chosen && chosen === value(name));
      const typed = value(other ? other[1] : name);
      return typed === "" ? word : quoted(typed);
    });
  };
  form?.addEventListener("input", tell);
  form?.addEventListener("change", tell);
}

function filter(part) {
  let asked = 0;
  const show = async (address) => {
    const turn = ++asked;
    const answer = await fetched(address).catch(() => null);
    const list = answer?.getElementById(part.dataset.filter);
    if (!list || turn !== asked) return;
    const old = document.getElementById(part.dataset.filter);
    document.adoptNode(list);
    keepTicks(old, list);
    old.replaceWith(list);
    list.dispatchEvent(new CustomEvent("listed", { bubbles: true, detail: new URL(address).searchParams.has("q") }));
    history.replaceState(null, "", address);
    announce(list.querySelector(".range, .empty h2")?.textContent ?? "List updated");
  };
  part.addEventListener("input", delayed(250, () => {
    const address = new URL(part.dataset.action ?? part.action, location.href);
    const fields = part.dataset.action ? all("[name]:not(button)", part).map((it) => [it.name, it.value]) : [...new FormData(part)];
    if (!part.dataset.action) address.search = "";
    for (const [name] of fields) address.searchParams.delete(name);
    for (const [name, value] of fields) if (value !== "") address.searchParams.append(name, value);
    show(address);
  }));
  // Pages of a list in which something is ticked change in their place.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(`#${part.dataset.filter} .pager button`);
    if (!button || all(TICKED, button.form).length === 0) return;
    event.preventDefault();
    show(new URL(button.value, location.href).href);
  });
}

// ---- Ticks: what is ticked stays so when the list is shown anew. What the list no longer holds is
// told in [data-ticked-elsewhere]. [data-chooses=count] has the choices of what a decision means:
// whoever ticks, searches or picks a cause means that, and no longer everything.

const TICKED = "input[type=checkbox][name=seq]:checked";

function keepTicks(old, list) {
  const elsewhere = document.querySelector("[data-ticked-elsewhere]");
  if (!elsewhere) return;
  const ticked = [...all(TICKED, old), ...all(TICKED, elsewhere)];
  all(".choice", elsewhere).forEach((it) => it.remove());
  for (const box of ticked) {
    const listed = all("input[type=checkbox][name=seq]", list).find((it) => it.value === box.value);
    if (listed) {
      listed.checked = true;
      continue;
    }
    const [choice, kept, label] = ["div", "input", "label"].map((it) => document.createElement(it));
    choice.className = "choice";
    Object.assign(kept, { type: "checkbox", name: "seq", value: box.value, id: `elsewhere-${box.value}`, checked: true });
    label.htmlFor = kept.id;
    label.textContent = box.getAttribute("aria-label") ?? box.labels[0].textContent;
    choice.append(kept, label);
    elsewhere.append(choice);
  }
  elsewhere.hidden = !elsewhere.querySelector(".choice");
}

function choosing(part) {
  const form = part.closest("form");
  const cause = form.elements.cause;
  const tell = () => {
    const [waiting, ticked] = [Number(part.dataset.chooses), all(TICKED, form).length];
    const which = part.querySelector("input[name=which]:checked")?.value;
    const meant = { all: waiting, ticked, others: ticked && waiting - ticked, cause: Number(cause?.selectedOptions[0].dataset.waiting ?? 0) }[which] ?? 0;
    part.querySelector("[data-meant]").textContent = meant === 1 ? "1 change is chosen." : `${meant === 0 ? "No" : meant.toLocaleString("en")} changes are chosen.`;
    command(which);
  };
  // The equal commands: [data-decides] has the beginning of each.
  const command = (which) => {
    const field = (name) => form.elements[name]?.value.trim() ?? "";
    const numbers = all(TICKED, form).map((it) => Number(it.value)).sort((a, b) => a - b).join() || "NUMBERS";
    const flags = { ticked: ` --only ${numbers}`, others: ` --except ${numbers}`, cause: ` --cause ${cause?.value || "NUMBER"}` }[which] ?? "";
    const reason = field("reason").replaceAll("'", "'\\''") || "WHY";
    for (const code of all("[data-decides]")) {
      const isRejection = code.dataset.decides.includes(" reject ");
      const more = isRejection ? field("days") && ` --until ${field("days")}d` : form.elements.run?.checked ? " --run" : "";
      code.textContent = `${code.dataset.decides}${flags} --reason '${reason}'${more}`;
    }
  };
  const choose = (which, from) => {
    const chosen = part.querySelector("input[name=which]:checked")?.value;
    const radio = part.querySelector(`input[name=which][value=${which}]`);
    if (radio && (!chosen || from.includes(chosen))) radio.checked = true;
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "seq" && event.target.checked) choose("ticked", ["all", "cause"]);
    if (event.target === cause && cause.value !== "") choose("cause", all(TICKED, form).length > 0 ? ["all"] : ["all", "ticked"]);
    tell();
  });
  form.addEventListener("input", (event) => { if (event.target.name !== "seq") tell(); });
  form.addEventListener("listed", (event) => {
    if (event.detail) choose("ticked", ["all", "cause"]);
    tell();
  });
  // Browsers bring ticks back that they remember.
  addEventListener("pageshow", () => {
    if (all(TICKED, form).length > 0) choose("ticked", ["all", "cause"]);
    tell();
  });
  tell();
}

// ---- Live parts: [data-live=address] listens to events whose data is markup. An element with an
// id takes the place of the one with the same id; one with data-append-to goes to the end of that
// list. Event "end" shows the page anew. Where events do not get through, the page is asked again.
// [data-page=address] says where the page is to be had if it is the answer to a form.

function live(part) {
  const state = part.querySelector("[data-live-state]");
  const anew = () => (part.dataset.page ? location.replace(part.dataset.page) : location.reload());
  let failures = 0;
  const take = (markup) => {
    for (const element of [...markup.body.children]) {
      const list = element.dataset.appendTo && document.getElementById(element.dataset.appendTo);
      if (list) {
        if (element.id && document.getElementById(element.id)) continue;
        const follows = list.scrollTop + list.clientHeight > list.scrollHeight - 40;
        list.append(document.adoptNode(element));
        if (follows) list.scrollTop = list.scrollHeight;
      } else if (element.id) {
        document.getElementById(element.id)?.replaceWith(document.adoptNode(element));
        if (element.dataset.announce) announce(element.dataset.announce);
      }
    }
    failures = 0;
    if (state) state.textContent = "";
  };
  const poll = async () => {
    const page = await fetched(part.dataset.page ?? location.href).catch(() => null);
    const fresh = page?.querySelector("[data-live]");
    if (page && !fresh) return anew();
    if (fresh) all("[id]", part).forEach((old) => {
      const changed = page.getElementById(old.id);
      if (changed && !old.isEqualNode(changed)) old.replaceWith(document.adoptNode(changed));
    });
    setTimeout(poll, 3000);
  };
  const events = new EventSource(part.dataset.live);
  events.onmessage = (event) => take(new DOMParser().parseFromString(event.data, "text/html"));
  events.addEventListener("end", () => { events.close(); anew(); });
  events.onerror = () => {
    failures += 1;
    if (state) state.textContent = `Updated ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}, reconnecting…`;
    if (failures < 4 && events.readyState !== EventSource.CLOSED) return;
    events.close();
    poll();
  };
  addEventListener("pagehide", () => events.close());
}

// ---- Dialogs: a[data-dialog] shows the main part of the page it leads to; [data-opens=id] shows a
// dialog of this page. Closing returns the focus to whatever opened it.

function show(dialog, opener) {
  dialog.addEventListener("close", () => opener?.focus(), { once: true });
  dialog.addEventListener("click", (event) => { 
    const closer = event.target.closest("[data-close]");
    if (closer) event.preventDefault();
    if (closer || event.target === dialog) dialog.close();
  });
  dialog.showModal();
}

async function showPage(link) {
  const page = await fetched(link.href).catch(() => null);
  const section = link.hash && page?.getElementById(link.hash.slice(1))?.closest("section");
  const main = section || page?.querySelector("[data-dialog-part]") || page?.querySelector("main");
  if (!main) return location.assign(link.href);
  const dialog = document.createElement("dialog");
  dialog.className = link.dataset.dialog ?? "";
  dialog.append(...main.childNodes);
  const title = dialog.querySelector("h1, h2");
  if (title) dialog.setAttribute("aria-label", title.textContent);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  enliven(dialog);
  show(dialog, link);
}

// ---- The palette: the search of the server, in a dialog.

function palette() {
  const dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.setAttribute("aria-label", "Search or jump to");
  dialog.innerHTML = '<input type="search" role="combobox" aria-label="Search or jump to" aria-expanded="true" aria-controls="palette-list" placeholder="A connector, run, person, group or page" autocomplete="off"><div role="listbox" id="palette-list" aria-label="Results"></div>';
  const [input, list] = dialog.children;
  const options = () => all("[role=option]", list);
  const select = (index) => {
    const found = options();
    found.forEach((it, at) => it.setAttribute("aria-selected", String(at === index)));
    const current = found[index];
    if (current) input.setAttribute("aria-activedescendant", current.id);
    else input.removeAttribute("aria-activedescendant");
    current?.scrollIntoView({ block: "nearest" });
  };
  const fill = (links) => {
    list.replaceChildren(...links.map((link, at) => {
      const option = link.cloneNode(true);
      option.removeAttribute("aria-current");
      all(".count", option).forEach((it) => it.remove());
      option.setAttribute("role", "option");
      option.tabIndex = -1;
      option.id = `palette-${at}`;
      return option;
    }));
    select(0);
  };
  const pages = all("nav.side a");
  const near = () => pages.filter((it) => it.textContent.toLowerCase().includes(input.value.trim().toLowerCase()));
  const search = delayed(150, async () => {
    const words = input.value.trim();
    const page = words && (await fetched(`/search?q=${encodeURIComponent(words)}`).catch(() => null));
    if (page && words === input.value.trim()) fill([...near(), ...all(".results a", page)]);
  });
  input.addEventListener("input", () => { fill(near()); search(); });
  input.addEventListener("keydown", (event) => {
    const found = options();
    const at = found.findIndex((it) => it.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") select(Math.min(at + 1, found.length - 1));
    else if (event.key === "ArrowUp") select(Math.max(at - 1, 0));
    else if (event.key === "Enter") found[at]?.click();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  fill(pages);
  show(dialog, document.activeElement);
}

// ---- Keys. Single ones can be switched off (data-shortcuts), and never act while one types.

const PLACES = { o: "/", c: "/connectors", r: "/runs", p: "/approvals", d: "/users", e: "/explain", t: "/targets", a: "/audit", h: "/health-report", s: "/settings" };
let isGoing = false;

function step(by, has = "a, button, input") {
  const rows = all("main tbody tr").filter((row) => row.querySelector(has));
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by];
  const inside = next?.querySelector("th a, td a") ?? next?.querySelector("a, button, input");
  if (next && !inside) next.tabIndex = -1;
  (inside ?? next)?.focus();
}

addEventListener("keydown", (event) => {
  const withControl = event.ctrlKey || event.metaKey;
  if (withControl && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (!document.querySelector("dialog[open]") && document.querySelector("nav.side")) palette();
    return;
  }
  const form = document.querySelector("form[data-guard]");
  if (withControl && form && (event.key.toLowerCase() === "s" || event.key === "Enter")) {
    event.preventDefault();
    const button = form.querySelector(event.key === "Enter" ? "[data-save=return]" : "[data-save=stay]");
    form.requestSubmit(button ?? undefined);
    return;
  }
  if (event.key === "Escape") all("details.menu[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  const isTyping = event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea, dialog");
  if (withControl || event.altKey || isTyping || root.dataset.shortcuts !== "on") return;
  const row = document.activeElement.closest("tr");
  if (isGoing && PLACES[event.key]) location.assign(PLACES[event.key]);
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "]") step(1, "ins, del");
  else if (event.key === "[") step(-1, "ins, del");
  else if (event.key === "x") row?.querySelector("input[type=checkbox]")?.click();
  else if (event.key === "/") document.querySelector("main input[type=search], .jump input")?.focus();
  else if (event.key === "?") document.querySelector("[data-shortcuts-help]")?.click();
  else if (event.key !== "g") (row ?? document).querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  isGoing = event.key === "g";
  if (event.key === "/") event.preventDefault();
});

// ---- Times: relative ones go on, in the words of moment.rs; the exact one stays in the title.

function age() {
  for (const time of all("time[data-relative]")) {
    const seconds = Math.trunc((Date.now() - new Date(time.dateTime)) / 1000);
    const length = Math.abs(seconds);
    const [size, unit] = [[86400, "days"], [3600, "h"], [60, "min"]].find(([size]) => length >= 2 * size) ?? [1, "s"];
    const hours = seconds < 0 && unit === "days" ? Math.trunc(length / 3600) % 24 : 0;
    const told = `${Math.trunc(length / size)} ${unit}${hours > 0 ? ` ${hours} h` : ""}`;
    if (seconds < 0) time.textContent = `in ${told}`;
    else time.textContent = seconds < 10 ? "just now" : `${told} ago`;
  }
}

// ---- Everything that markup asks for, in the page and in what is added to it.

function enliven(part) {
  all("[data-interval]", part).forEach(interval);
  all("form[data-guard]", part).forEach(guard);
  all("[data-filter]", part).forEach(filter);
  all("[data-chooses]", part).forEach(choosing);
  all("[data-preview]", part).forEach(preview);
  all("[data-live]", part).forEach(live);
  all("[data-refresh]", part).forEach(refresh);
  all("[data-follows]", part).forEach(follows);
  all("[data-copy], [data-opens]", part).forEach((button) => { button.hidden = false; });
}

document.addEventListener("click", async (event) => {
  const at = (selector) => event.target.closest?.(selector);
  all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = at("a[data-dialog], a[data-shortcuts-help]");
  const opener = at("[data-opens]");
  const copier = at("[data-copy]");
  const chooser = at("input[data-select-all]");
  if (link) {
    event.preventDefault();
    await showPage(link);
  } else if (opener) {
    event.preventDefault();
    show(document.getElementById(opener.dataset.opens), opener);
  } else if (copier) {
    const from = copier.dataset.copy ? document.getElementById(copier.dataset.copy) : copier.parentElement.querySelector("code");
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    toast("Copied.");
  } else if (chooser) {
    all(`input[type=checkbox][name="${CSS.escape(chooser.dataset.selectAll)}"]`, chooser.form ?? document).forEach((it) => { it.checked = chooser.checked; });
  }
});

enliven(document);
document.querySelector("main [aria-invalid=true]")?.focus();
age();
setInterval(age, 20_000);
// Whoever comes back to a page after an hour sees what is so now.
document.addEventListener("visibilitychange", age);
