"use strict";
/* What this page is told comes from /events; what it says is made of text nodes alone. Times of the
   agent's host are kept as told, and `skew` is how far the clock of this browser is behind them. */
(() => {
  const HOUR = 3600e3, SILENT_AFTER = 4e3, STATES = ["MASTER", "BACKUP", "FAULT", "INIT"];
  const by = (id) => document.getElementById(id);
  let status = null, events = [], skew = 0, base = 0, heard = Date.now(), away = null;
  let only = null, stripped = 0, lost = null;

  /* -- making things -- */
  const el = (tag, kind, ...children) => {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const icon = (name, kind = "") => {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg"), use = document.createElementNS(space, "use");
    svg.setAttribute("class", `icon ${kind}`);
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#is-${name}`);
    svg.append(use);
    return svg;
  };
  const ticking = (tag, how, value, words = "") => {
    const made = el(tag, "");
    made.dataset[how] = value;
    made.dataset.words = words;
    tick(made);
    return made;
  };
  const moment = (at, words) => {
    const made = ticking("time", "since", at, words);
    made.dateTime = new Date(at).toISOString();
    made.title = whole(at);
    return made;
  };

  /* -- times -- */
  const now = () => Date.now() + skew;
  const stale = () => away !== null || lost !== null;
  const shownAt = () => (stale() ? base : now());
  const format = (options) => {
    const formatter = new Intl.DateTimeFormat([], options);
    return (at) => formatter.format(at);
  };
  const clock = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const hour = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const day = format({ month: "short", day: "numeric" });
  const whole = format({ dateStyle: "medium", timeStyle: "medium" });
  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000));
    const pair = (large, unit, small, rest) => `${large}\u00a0${unit} ${small}\u00a0${rest}`;
    if (s < 60) return `${s}\u00a0s`;
    if (s < 3600) return `${Math.floor(s / 60)}\u00a0min`;
    if (s < 86400) return pair(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
    return pair(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
  };
  const tenths = (s) => (s < 10 ? Math.max(0, s).toFixed(1) : Math.round(s)) + "\u00a0s";
  const tick = (one) => {
    const { since, age, left, words } = one.dataset;
    const passed = (shownAt() - base) / 1000;
    let text;
    if (since !== undefined) text = span(shownAt() - Number(since));
    else if (age !== undefined) text = tenths(Number(age) + passed);
    else text = tenths(Number(left) - passed);
    text = words.includes("*") ? words.replace("*", text) : text;
    if (one.textContent !== text) one.textContent = text;
  };

  /* -- the verdict -- */
  const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
  const listed = (names) => (names.length > 3 ? `${names.length} instances` : names.join(", "));
  const misplaced = (one) => one.addresses.some((each) => each.held !== each.kernel);
  const inState = (state) => status.instances.filter((one) => one.state === state);
  const verdict = () => {
    const names = (some) => listed(some.map((one) => one.name));
    const [master, backup, fault, init] = STATES.map(inState);
    const odd = status.instances.filter((one) => one.warnings.length || misplaced(one));
    const down = status.trackers.filter((one) => !one.up);
    const serves = master.length ? `Serving ${names(master)}` : "Serving nothing";
    const counts = STATES.map((state) => [state, inState(state).length]).filter(([, n]) => n);
    const more = [counts.map(([state, n]) => `${n} ${state}`).join(" · ")];
    if (down.length) more.push(`${plural(down.length, "tracker is", "trackers are")} down`);
    let line = serves, kind = "";
    if (fault.length) [line, kind] = [`${names(fault)} in FAULT`, "bad"];
    else if (status.maintenance) [line, kind] = ["In maintenance", "warn"];
    else if (odd.length || status.warnings.length) [line, kind] = [`${serves}, with warnings`, "warn"];
    else if (!master.length && backup.length) line = `Standing by for ${names(backup)}`;
    else if (init.length) line = `Starting ${names(init)}`;
    by("verdict").className = kind;
    say("verdict-line", stale() ? `At ${clock(base)}: ${line}` : line);
    say("verdict-more", more.filter(Boolean).join(", "));
    document.title = `${status.node}: ${line}`;
  };
  const say = (id, text) => { if (by(id).textContent !== text) by(id).textContent = text; };

  const banner = (kind, strong, rest, more) =>
    el("p", `banner ${kind}`, el("strong", "", strong), rest, more ? el("span", "more", more) : null);
  const notices = () => {
    const made = status.warnings.map((text) => banner("", "Warning: ", text));
    if (status.maintenance) {
      const { since, until, reason } = status.maintenance;
      const end = until ? `, until ${clock(until)}` : ", until it is ended";
      made.unshift(banner("", "Maintenance ", `since ${clock(since)}${end}`, reason || ""));
    }
    by("notices").replaceChildren(...made);
    by("strangers").replaceChildren(...status.strangers.slice(0, 8).map((text) =>
      el("li", "", `Also heard: ${text}, which is nobody's here`)));
  };

  /* -- instances -- */
  const badge = (state) => el("span", `state ${state}`, icon(state), state);
  const fact = (name, kind, ...values) =>
    el("div", kind, el("dt", "", name), ...values.filter(Boolean).map((one) => el("dd", "", one)));
  const master = (one) => {
    if (!one.master) return [el("span", "quiet", "nobody is heard")];
    const own = one.state === "MASTER" && !one.leaving;
    const who = own ? "this host" : one.master.address;
    const about = el("span", "quiet small", own ? "advert " : `priority ${one.master.priority}, advert `);
    about.append(ticking("span", "age", one.master.age, "*\u00a0ago"));
    return [el("span", own ? "" : "mono", who), about];
  };
  const priority = (one) => {
    const notes = one.weights.map((use) => `${use.tracker} ${use.adds > 0 ? "+" : "−"}${Math.abs(use.adds)}`);
    if (one.ordered) notes.push(one.ordered.reason ? `ordered: ${one.ordered.reason}` : "by order");
    if (one.aside) notes.push("stands aside, by order");
    if (one.effective !== one.priority) notes.unshift(`${one.priority} configured`);
    return [String(one.effective), ...notes.map((note) => el("span", "quiet small", note))];
  };
  const address = (each) => {
    const [mark, kind, words] = each.held
      ? each.kernel ? ["up", "good", "here"] : ["down", "bad-text", "missing on the interface"]
      : each.kernel ? ["warning", "bad-text", "still on the interface"] : [null, "quiet", ""];
    return el("li", "", el("span", `mono ${each.held ? "" : "quiet"}`, each.address), " ",
      el("span", `small ${kind}`, mark ? icon(mark) : null, words ? ` ${words}` : ""));
  };
  const addresses = (one) => {
    const wrong = one.addresses.filter((each) => each.held !== each.kernel);
    const right = one.addresses.filter((each) => each.held === each.kernel);
    const all = [...wrong, ...right], shown = all.slice(0, 6), rest = all.slice(6);
    const list = el("ul", "", ...shown.map(address));
    const more = rest.length
      ? el("details", "", el("summary", "", `and ${rest.length} more`), el("ul", "", ...rest.map(address)))
      : null;
    const lease = one.lease === null ? null
      : el("span", "quiet small", "lease: ", ticking("span", "left", one.lease, "* left"));
    return [list, more, lease];
  };
  const peers = (one) => {
    if (!one.peers.length) return [el("span", "quiet", "none is known")];
    return [el("ul", "", ...one.peers.slice(0, 8).map((peer) => {
      const [mark, kind, words] = peer.ready === null ? [null, "quiet", "says nothing of itself"]
        : peer.ready ? ["up", "good", peer.state === "MASTER" ? "serves" : "ready"]
        : ["down", "bad-text", `not ready${peer.why ? `: ${peer.why}` : ""}`];
      const line = el("li", "", el("span", peer.node ? "" : "mono", peer.node || peer.address), " ",
        el("span", `small ${kind}`, mark ? icon(mark) : null, ` ${words}`));
      line.title = `${peer.address}${peer.priority === null ? "" : `, priority ${peer.priority}`}`;
      for (const what of peer.differs) line.append(el("div", "small warn-text", what));
      return line;
    }))];
  };
  const card = (one) => {
    const since = el("span", "since", "for ", moment(one.since));
    const where = one.group ? `${one.where} · group ${one.group}` : one.where;
    const made = el("article", `card is-${one.state}`,
      el("div", "top", badge(one.state), el("h3", "", one.name), el("span", "where", where), since),
      el("p", "cause", one.cause));
    if (one.leaving) made.append(el("p", "cause warn-text", `hands over: ${one.leaving}`));
    if (one.next) {
      const line = el("p", "cause then", `next: ${one.next.text}, in `);
      line.append(ticking("span", "left", one.next.in));
      made.append(line);
    }
    made.append(el("dl", "facts",
      fact("Master", "", ...master(one)), fact("Priority", "", ...priority(one)),
      fact("Addresses", "wide", ...addresses(one)), fact("Peers", "wide", ...peers(one))));
    if (one.warnings.length)
      made.append(el("ul", "warnings", ...one.warnings.map((text) => el("li", "", icon("warning"), el("span", "", text)))));
    made.append(strip(one));
    made.dataset.name = one.name;
    made.hidden = only !== null && only !== one.state;
    return made;
  };

  /* -- the last hour -- */
  const stretches = (one, end) => {
    const begin = end - HOUR, made = [];
    const moves = events.filter((each) => each.instance === one.name && each.new && each.at < one.since - 1);
    let at = begin, state = "unknown";
    const until = (next) => {
      if (next > at) made.push({ state, from: at, to: next });
      at = Math.max(at, next);
    };
    moves.forEach((move, index) => {
      if (index === 0 && state === "unknown") state = move.old;
      until(move.at);
      state = move.new;
    });
    if (!moves.length) {
      const last = events.find((each) => each.instance === one.name && each.new);
      state = last ? last.old : "unknown";
    }
    if (status.started > begin) {
      const before = moves.some((move) => move.at < status.started);
      if (!before) {
        for (const each of made) if (each.to <= status.started) each.state = "unknown";
        if (at < status.started) state = "unknown";
      }
      if (at < status.started) { until(Math.min(status.started, one.since)); state = "INIT"; }
    }
    until(Math.min(one.since, end));
    state = one.state;
    until(end);
    return made;
  };
  const strip = (one) => {
    const end = shownAt(), begin = end - HOUR, lane = el("div", "lane"), sums = {};
    for (const { state, from, to } of stretches(one, end)) {
      const part = el("i", `in-${state}`), word = state === "unknown" ? "not known" : state;
      part.style.left = `${(from - begin) / HOUR * 100}%`;
      part.style.width = `${(to - from) / HOUR * 100}%`;
      part.title = `${word}, ${clock(from)} to ${clock(to)}, ${span(to - from)}`;
      sums[word] = (sums[word] || 0) + to - from;
      lane.append(part);
    }
    const told = Object.entries(sums).map(([word, ms]) => `${word} ${span(ms)}`).join(", ");
    lane.setAttribute("role", "img");
    lane.setAttribute("aria-label", `The last hour: ${told}`);
    const marks = [0, .25, .5, .75].map((part) =>
      el("span", "", hour(begin + part * HOUR)));
    const scale = el("div", "scale", ...marks, el("span", "", stale() ? clock(end) : "now"));
    scale.setAttribute("aria-hidden", "true");
    return el("div", "strip", lane, scale);
  };
  const redrawStrips = () => {
    stripped = Date.now();
    for (const one of status.instances) {
      const old = cardOf(one.name);
      if (old) old.querySelector(".strip").replaceWith(strip(one));
    }
  };

  const cardOf = (name) => [...by("cards").children].find((each) => each.dataset.name === name);
  const filters = () => {
    const made = STATES.map((state) => [state, inState(state).length]).filter(([, n]) => n).map(([state, n]) => {
      const button = el("button", "", icon(state, state), `${n} ${state}`);
      button.type = "button";
      button.setAttribute("aria-pressed", String(only === state));
      button.addEventListener("click", () => { only = only === state ? null : state; filters(); hide(); });
      return button;
    });
    by("filters").replaceChildren(...(made.length > 1 ? made : []));
    if (made.length < 2 && only !== null) { only = null; hide(); }
  };
  const hide = () => status.instances.forEach((one) => {
    const shown = cardOf(one.name);
    if (shown) shown.hidden = only !== null && only !== one.state;
  });

  /* -- trackers and events -- */
  const trackers = () => {
    by("trackers-part").hidden = !status.trackers.length;
    const down = status.trackers.filter((one) => !one.up), up = status.trackers.filter((one) => one.up);
    by("trackers").replaceChildren(...[...down, ...up].map((one) => el("li", "",
      icon(one.up ? "up" : "down", one.up ? "good" : "bad-text"),
      el("div", "", el("div", "head", el("b", "", one.name),
        el("span", `small ${one.up ? "good" : "bad-text"}`, one.up ? "up" : "down"),
        el("span", "quiet small", `${one.kind}, for `, moment(one.since))),
        el("div", "small", one.text),
        one.users.length ? el("div", "quiet small", `used by ${listed(one.users)}`) : null))));
  };
  const stateMark = (state) => el("span", state, icon(state), state);
  const happened = (one) => {
    const time = el("time", "", clock(one.at));
    time.dateTime = new Date(one.at).toISOString();
    time.title = whole(one.at);
    const head = el("div", "head", one.instance ? el("b", "", one.instance) : null,
      one.new ? el("span", "move", stateMark(one.old), el("span", "quiet", "→"), stateMark(one.new))
        : el("span", "kind", one.kind));
    if (day(one.at) !== day(now())) time.append(el("div", "", day(one.at)));
    return el("li", "", time, el("div", "", head, el("div", "", one.text),
      ...one.evidence.slice(0, 5).map((text) => el("div", "evidence", text))));
  };
  const chronicle = () => {
    const latest = events.slice(-30).reverse();
    by("no-events").hidden = latest.length > 0;
    by("events").replaceChildren(...latest.map(happened));
  };

  /* -- what is told -- */
  const draw = () => {
    document.body.classList.remove("waiting");
    by("shown").hidden = false;
    say("node", status.node);
    say("about", `vipd ${status.version} on ${status.node}. Times are those of this browser.`);
    by("cards").replaceChildren(...status.instances.map(card));
    by("none").hidden = status.instances.length > 0;
    stripped = Date.now();
    filters(); verdict(); notices(); trackers(); chronicle();
  };
  const update = (news) => {
    Object.assign(status, news);
    if (!news.changed && Object.keys(news).length) { draw(); return; }
    if (!news.changed) return;
    delete status.changed;
    const fresh = new Map(news.changed.map((one) => [one.name, one]));
    status.instances = status.instances.map((one) => fresh.get(one.name) || one);
    for (const one of news.changed) {
      const old = cardOf(one.name), made = card(one), opened = old.querySelector("details[open]");
      if (opened && made.querySelector("details")) made.querySelector("details").open = true;
      old.replaceWith(made);
    }
    const rest = Object.keys(news).filter((key) => key !== "changed");
    if (rest.length) { notices(); trackers(); }
    filters(); verdict();
  };
  const take = (told) => {
    heard = Date.now();
    skew = told.now - heard;
    if (told.type === "away") { lost = null; freeze(told); return; }
    const back = stale() && told.type !== "event";
    if (told.type !== "event") {
      base = told.now;
      away = lost = null;
    }
    if (told.type === "full") { status = told.status; events = told.events; draw(); }
    else if (status === null) return;
    else if (told.type === "news") {
      update(told.status);
      if (back) draw();
    }
    else {
      events = [...events.filter((one) => one.seq !== told.event.seq), told.event]
        .filter((one, index, all) => one.at > now() - HOUR || index > all.length - 60);
      chronicle(); redrawStrips();
    }
    present();
  };

  /* -- whether what is shown is so -- */
  const present = () => {
    document.body.classList.toggle("absent", stale());
    by("absent").hidden = !stale();
    if (lost !== null) {
      const text = `since ${clock(lost + skew)}. `;
      const rest = status ? "Below is what was so then; it may be different now." : "";
      by("absent").replaceChildren(el("strong", "", "This page hears nothing any more "), text + rest);
      say("pulse-text", "not connected");
      document.title = "? " + document.title.replace(/^\? /, "");
    } else if (away !== null) {
      by("absent").replaceChildren(el("strong", "", "No agent answers "),
        `since ${clock(away.since)}, for ${span(now() - away.since)}. `,
        status ? "Below is what it said last; it may be different now. " : "", el("span", "more", away.problem));
      say("pulse-text", "no agent");
      document.body.classList.remove("waiting");
      document.title = status ? `${status.node}: no agent answers` : "vipd: no agent answers";
    } else if (status) say("pulse-text", `live, ${clock(now())}`);
  };
  const tickAll = () => document.querySelectorAll("[data-words]").forEach(tick);
  /* Let everything stand still at the moment that it is known for. */
  const freeze = (absent) => {
    const news = !stale();
    if (absent) away = absent; else lost = heard;
    if (status && news) { verdict(); redrawStrips(); tickAll(); }
    present();
  };
  const everySecond = () => {
    if (lost === null && Date.now() - heard > SILENT_AFTER) freeze(null);
    present();
    if (stale() || !status) return;
    tickAll();
    if (Date.now() - stripped > 15e3) redrawStrips();
  };

  const connect = () => {
    const source = new EventSource("/events");
    source.addEventListener("message", (message) => take(JSON.parse(message.data)));
    source.addEventListener("error", () => {
      if (lost === null) freeze(null);
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
    });
  };
  connect();
  setInterval(everySecond, 1000);
})();
