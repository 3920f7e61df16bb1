// The playground: asks over a socket of its own, and shows answers token by token as they are written.
// When this page closes, so does the socket, and nobody waits for its answers any more.
import { Answer, shade, step, visible } from "../lib/answer.js";
import { format, gettext, locale } from "../lib/i18n.js";
import { LiveSocket } from "../lib/live-socket.js";

const PATH = "/ws/playground/";
// Fewer pixels than this from the end count as at the end.
const NEAR_END = 40;

class PlayGround extends HTMLElement {
  connectedCallback() {
    this.state = JSON.parse(document.getElementById("playground-state").textContent);
    this.form = this.querySelector("#ask");
    this.turns = this.querySelector("[data-turns]");
    this.card = this.querySelector("[data-card]");
    this.answers = new Map();
    this.showKept();
    this.listen();
    this.connect();
    this.follow();
  }

  disconnectedCallback() {
    this.live.remove(this.watcher);
  }

  // The hub

  connect() {
    const url = new URL(PATH, location.href.replace(/^http/, "ws"));
    url.searchParams.set("language", this.state.language);
    this.live = new LiveSocket(() => new WebSocket(url));
    const open = this.state.open.map((answer) => `answer.${answer}`);
    this.watcher = {
      topics: new Set([...this.state.topics, ...open]),
      handler: (message) => this.receive(message),
      onState: (state) => this.connection(state),
      onRejoined: () => {},
    };
    this.live.add(this.watcher);
  }

  connection(state) {
    this.querySelector("[data-offline]").hidden = state !== "offline" || !this.wasLive;
    this.wasLive ||= state === "live";
    if (state === "live" && this.form && this.state.wakes) this.live.tell({ type: "wake" });
  }

  receive(message) {
    const handlers = {
      model: this.model,
      asked: this.asked,
      refused: this.refused,
      tokens: this.tokens,
      draft: this.draft,
      end: this.end,
    };
    handlers[message.type]?.call(this, message);
  }

  model({ version, state, problem }) {
    const words = {
      waiting: gettext("Waiting for a worker"),
      loading: gettext("Loading the model"),
      ready: gettext("Ready"),
      ended: gettext("Not in memory: the next question loads it"),
    };
    this.state.versions.forEach((each, index) => {
      if (each !== version) return;
      const said = this.querySelectorAll("[data-state]")[index];
      said.dataset.state = problem?.text ? "problem" : state;
      said.textContent = problem?.text ? `${problem.text} ${problem.advice}` : words[state];
    });
  }

  // Asking

  send = (event) => {
    event?.preventDefault();
    if (this.isBusy()) return;
    const values = Object.fromEntries(new FormData(this.form));
    const message = {
      type: "ask",
      topic: this.state.topics[0],
      conversation: this.state.conversation,
      versions: this.state.versions,
      values,
    };
    this.showErrors({});
    if (this.live.tell(message)) this.wait(true);
    else this.showErrors({ text: [gettext("There is no connection to the hub. Try again in a moment.")] });
  };

  asked({ conversation, address, turn, text, answers }) {
    const isNew = this.state.conversation === null;
    this.state.conversation = conversation;
    this.form.elements.text.value = "";
    this.lastText = text;
    this.isAsking = false;
    this.addTurn(turn, text, answers);
    this.follow();
    if (isNew) this.begin(address);
  }

  // The page is that of a conversation now: what it is about is settled, and more can be done with it.
  async begin(address) {
    history.replaceState(null, "", address);
    for (const choice of this.querySelectorAll("[data-choose]")) choice.disabled = true;
    const answer = await fetch(address);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of [".page-head", ".kept", "[data-settled]"]) {
      const place = document.querySelector(part);
      place.replaceWith(page.querySelector(part));
      globalThis.htmx?.process(document.querySelector(part));
    }
    document.title = page.title;
  }

  refused({ errors }) {
    this.wait(false);
    this.showErrors(errors);
  }

  wait(isAsking) {
    this.isAsking = isAsking;
    this.showBusy();
  }

  isBusy() {
    return this.isAsking || [...this.answers.values()].some(({ answer }) => !answer.isOver);
  }

  showBusy() {
    if (!this.form) return;
    const isBusy = this.isBusy();
    this.querySelector("[data-send]").disabled = isBusy;
    this.querySelector("[data-stop]").hidden = !isBusy;
  }

  showErrors(errors) {
    for (const old of document.querySelectorAll(".field > .error")) old.remove();
    for (const bad of document.querySelectorAll("[form=ask][aria-invalid]")) bad.removeAttribute("aria-invalid");
    const rest = [];
    for (const [name, texts] of Object.entries(errors)) {
      const control = this.form.elements[name];
      if (!control || name === "text" || control.closest("[hidden]")) rest.push(...texts);
      else showError(control, texts);
    }
    const place = this.querySelector("[data-refused]");
    place.textContent = rest.join(" ");
    place.hidden = !rest.length;
    if (rest.length) this.form.elements.text.focus();
  }

  // Answers

  addTurn(turn, text, answers) {
    const node = this.querySelector("template[data-turn]").content.firstElementChild.cloneNode(true);
    if (text) node.querySelector("[data-asked]").textContent = text;
    else node.querySelector("[data-asked]").textContent = gettext("An empty prompt");
    const place = node.querySelector("[data-answers]");
    const empty = place.firstElementChild;
    place.replaceChildren(...Object.entries(answers).map(([side, answer]) => {
      const article = empty.cloneNode(true);
      article.dataset.answer = answer;
      article.dataset.side = side;
      return article;
    }));
    this.addJudgement(node, turn, Object.keys(answers).length);
    this.turns.append(node);
    this.querySelector("[data-nothing]").hidden = true;
    for (const [, answer] of Object.entries(answers)) this.open(answer);
    globalThis.htmx?.process(node);
    this.showBusy();
  }

  addJudgement(node, turn, sides) {
    const form = node.querySelector(".judgement");
    if (sides < 2) form.remove();
    for (const name of ["action", "hx-post"]) {
      form.setAttribute(name, form.getAttribute(name).replace("/0/", `/${turn}/`));
    }
  }

  open(pk) {
    this.watcher.topics.add(`answer.${pk}`);
    this.answers.set(pk, { answer: new Answer(), article: this.articleOf(pk) });
  }

  articleOf(pk) {
    return this.querySelector(`[data-answer="${pk}"]`);
  }

  tokens(message) {
    const found = this.answers.get(message.answer);
    if (!found) return;
    const from = found.answer.tokens.length;
    const added = found.answer.take(message);
    const text = found.article.querySelector("[data-text]");
    if (!from && added.length) text.replaceChildren();
    const isAtEnd = this.isAtEnd();
    text.append(...added.map((token, index) => tokenNode(token, from + index)));
    if (isAtEnd) this.follow();
  }

  draft({ answer, text }) {
    const place = this.answers.get(answer)?.article.querySelector("[data-text]");
    if (!place) return;
    const isAtEnd = this.isAtEnd();
    place.classList.add("draft");
    place.textContent = text;
    if (isAtEnd) this.follow();
  }

  end(message) {
    this.watcher.topics.delete(`answer.${message.answer}`);
    const found = this.answers.get(message.answer);
    if (!found || found.answer.isOver) return;
    const text = found.article.querySelector("[data-text]");
    const isDraft = text.classList.contains("draft");
    if (found.answer.finish(message) || isDraft || !message.tokens.length) {
      text.classList.remove("draft");
      showTokens(text, found.answer.tokens);
    }
    found.article.querySelector("[data-foot]").textContent = this.said(message);
    if (message.problem?.text) this.showProblem(text, message.problem);
    this.showBusy();
  }

  // What was typed comes back, to be mended and asked again.
  showProblem(text, problem) {
    text.after(problemNode(problem));
    text.closest(".turn").querySelector(".judgement")?.remove();
    this.follow();
    const { value } = this.form?.elements.text ?? {};
    if (value === "") this.form.elements.text.value = this.lastText ?? "";
  }

  said({ ended_by: endedBy, figures }) {
    const reason = this.state.ends[endedBy] ?? "";
    if (!figures.tokens) return reason;
    const number = new Intl.NumberFormat(locale(), { maximumSignificantDigits: 3 });
    const text = gettext("{tokens} tokens · {speed} tokens/s · first after {first} s");
    return `${reason} ${format(text, {
      tokens: figures.tokens,
      speed: number.format(figures.tokens_per_second),
      first: number.format(figures.first_token_seconds),
    })}`;
  }

  // What was answered before this page was opened.
  showKept() {
    for (const article of this.querySelectorAll("[data-answer]")) {
      const pk = Number(article.dataset.answer);
      const kept = this.state.kept[pk];
      if (!kept) {
        this.open(pk);
        continue;
      }
      const answer = new Answer();
      answer.finish(kept);
      this.answers.set(pk, { answer, article });
      if (kept.tokens.length) showTokens(article.querySelector("[data-text]"), kept.tokens);
      article.querySelector("[data-foot]").textContent = this.said(kept);
    }
    this.showBusy();
  }

  // Whoever reads further up is not torn away.
  isAtEnd() {
    const last = this.turns.lastElementChild;
    return !last || !this.form || last.getBoundingClientRect().bottom < this.form.getBoundingClientRect().top + NEAR_END;
  }

  follow() {
    this.turns.lastElementChild?.scrollIntoView({ block: "nearest" });
  }

  // What people do

  listen() {
    this.turns.addEventListener("pointerover", this.point);
    this.turns.addEventListener("pointerleave", () => this.hideCard());
    this.turns.addEventListener("keydown", this.walk);
    this.turns.addEventListener("focusout", () => this.hideCard());
    for (const choice of this.querySelectorAll("[data-choose]")) {
      choice.addEventListener("change", this.choose);
    }
    if (!this.form) return;
    this.form.addEventListener("submit", this.send);
    this.form.elements.text.addEventListener("keydown", this.key);
    this.querySelector("[data-stop]").addEventListener("click", () => this.live.tell({ type: "stop" }));
    this.querySelector("[data-shade]").addEventListener("change", (event) => {
      this.classList.toggle("shaded", event.target.checked);
    });
    for (const name of ["mode", "way"]) {
      this.form.elements[name].addEventListener("change", () => this.showFields());
    }
    this.showFields();
  }

  // A chat is sent by Enter; a text to go on with has lines of its own.
  key = (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    const isChat = this.form.elements.mode.value === "chat";
    if (event.ctrlKey || event.metaKey || (isChat && !event.shiftKey)) this.send(event);
  };

  showFields() {
    const { mode, way } = this.form.elements;
    for (const part of this.querySelectorAll("[data-ways]")) part.hidden = part.dataset.ways !== way.value;
    for (const part of this.querySelectorAll("[data-modes]")) part.hidden = part.dataset.modes !== mode.value;
    this.querySelector("[data-keys]").textContent =
      mode.value === "chat"
        ? gettext("Enter asks, Shift+Enter begins a line.")
        : gettext("Ctrl+Enter asks.");
  }

  choose = () => {
    const [left, right] = [...this.querySelectorAll("[data-choose]")].map((choice) => Number(choice.value));
    this.state.versions = right && right !== left ? [left, right] : [left];
    this.state.topics = this.state.versions.map((version) => `playground.${version}`);
    this.classList.toggle("two", this.state.versions.length === 2);
    for (const said of this.querySelectorAll("[data-state]")) said.textContent = "";
    this.live.remove(this.watcher);
    const query = new URLSearchParams({ left, ...(this.state.versions[1] ? { right } : {}) });
    history.replaceState(null, "", `${location.pathname}?${query}`);
    this.connect();
  };

  point = (event) => {
    const token = event.target.closest(".token");
    if (token) this.showCard(token);
    else this.hideCard();
  };

  walk = (event) => {
    const text = event.target.closest("[data-text]");
    if (!text) return;
    const nodes = [...text.querySelectorAll(".token")];
    const at = nodes.findIndex((node) => node.classList.contains("current"));
    const next = step(event.key, at < 0 ? null : at, nodes.length);
    if (event.key === "Escape") this.hideCard();
    if (next === null) return;
    event.preventDefault();
    this.showCard(nodes[next]);
  };

  showCard(node) {
    this.hideCard();
    const article = node.closest("[data-answer]");
    const { answer } = this.answers.get(Number(article.dataset.answer));
    const token = answer.tokens[Number(node.dataset.index)];
    if (!token) return;
    node.classList.add("current");
    this.card.replaceChildren(...cardParts(token));
    this.card.hidden = false;
    const place = node.getBoundingClientRect();
    const own = this.card.getBoundingClientRect();
    const left = Math.min(place.left, document.documentElement.clientWidth - own.width - 8);
    const below = place.bottom + 6;
    const fits = below + own.height < innerHeight;
    this.card.style.left = `${Math.max(8, left)}px`;
    this.card.style.top = `${fits ? below : place.top - own.height - 6}px`;
  }

  hideCard() {
    this.card.hidden = true;
    for (const node of this.querySelectorAll(".token.current")) node.classList.remove("current");
  }
}

function showError(control, texts) {
  const said = document.createElement("p");
  said.className = "error";
  said.textContent = texts.join(" ");
  control.setAttribute("aria-invalid", "true");
  control.closest(".field").append(said);
  control.closest("details").open = true;
  control.focus();
}

function tokenNode(token, index) {
  const node = document.createElement("span");
  node.className = `token p${shade(token.probability)}${token.ends ? " ends" : ""}`;
  node.dataset.index = index;
  node.textContent = token.ends ? "◼" : token.text;
  return node;
}

function showTokens(place, tokens) {
  place.replaceChildren(...tokens.map(tokenNode));
}

function problemNode({ text, advice }) {
  const node = document.createElement("div");
  node.className = "notice error";
  for (const line of [text, advice].filter(Boolean)) {
    const said = document.createElement("p");
    said.textContent = line;
    node.append(said);
  }
  return node;
}

function cardParts(token) {
  const percent = new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 1 });
  const head = document.createElement("p");
  const name = token.ends ? gettext("the end") : visible(token.text) || gettext("part of a character");
  head.textContent = format(gettext("{token}: {probability}"), {
    token: name,
    probability: percent.format(token.probability),
  });
  const list = document.createElement("dl");
  for (const [text, probability] of token.others) {
    const other = document.createElement("dt");
    const value = document.createElement("dd");
    other.textContent = visible(text) || "∅";
    value.textContent = percent.format(probability);
    list.append(other, value);
  }
  return [head, list];
}

customElements.define("play-ground", PlayGround);
