// What the page can do by itself: form, JSON and programs in step, requests without loading it again, and their history.
// Without this script the same forms are sent to the service, which then shows the page with the answer.
"use strict";
(() => {
  const HISTORY = 50;
  const PAUSE = 400;
  const MAX_URL = 100;
  const PREFIX = "kind:";
  const PARAMETER = "parameter:";
  const ROOT = "#";
  const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
  const NUMBER = /^-?(?:\d+|\d*\.\d+)(?:[eE][+-]?\d+)?$/;
  const SAFE = /^[\w@%+=:,.\/-]+$/;

  const find = (id) => document.getElementById(id);
  const editor = find("sample");
  const byField = find("by-field");
  const { root, own, asks, streams } = document.body.dataset;

  const make = (tag, facts = {}, ...within) => {
    const element = Object.assign(document.createElement(tag), facts);
    element.append(...within);
    return element;
  };

  // --- JSON, in which numbers stay as they are written: 1.0 is no 1, and 2 ** 60 has all its digits ---

  // Strings begin with "s", names of properties, too, and numbers with "n".
  const parsed = (text) => {
    JSON.parse(text);
    return JSON.parse(text.replace(TOKENS, (token) => (token[0] === '"' ? '"s' + token.slice(1) : `"n${token}"`)));
  };

  const written = (value, indent = null) => {
    if (typeof value === "string") return value[0] === "n" ? value.slice(1) : JSON.stringify(value.slice(1));
    if (value === null || typeof value !== "object") return String(value);
    const [open, close] = Array.isArray(value) ? "[]" : "{}";
    const inner = indent === null ? null : indent + " ";
    const items = Array.isArray(value)
      ? value.map((item) => written(item, inner))
      : Object.entries(value).map(([name, item]) => `${JSON.stringify(name.slice(1))}: ${written(item, inner)}`);
    if (!items.length || inner === null) return open + items.join(", ") + close;
    return `${open}\n${inner}${items.join(`,\n${inner}`)}\n${indent}${close}`;
  };

  const shown = (value) => {
    const line = written(value);
    return line.length <= 100 ? line : written(value, "");
  };

  const kindOf = (value) => {
    if (value === null) return "null";
    if (Array.isArray(value)) return "array";
    if (typeof value === "string") return value[0] === "n" ? "number" : "string";
    return typeof value;
  };

  const same = (one, other) => one === other || (/^(number|integer)$/.test(one) && /^(number|integer)$/.test(other));

  // --- the form ---

  const said = (element, words) => {
    element.textContent = words;
    element.hidden = !words;
  };

  const markedAt = (pointer, words) => {
    const note = [...byField.querySelectorAll("[data-at]")].find((one) => one.dataset.at === pointer);
    const parameter = pointer.startsWith("#/parameters/") ? PARAMETER + keyOf(pointer) : "";
    const input = byField.elements.namedItem(pointer) ?? byField.elements.namedItem(parameter);
    if (note) said(note, words);
    if (input && words) input.setAttribute("aria-invalid", "true");
    return input;
  };

  const unmarked = () => {
    for (const note of byField.querySelectorAll("[data-at]")) said(note, "");
    for (const input of byField.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  };

  const parentOf = (pointer) => pointer.slice(0, Math.max(0, pointer.lastIndexOf("/")));
  const keyOf = (pointer) =>
    pointer.slice(pointer.lastIndexOf("/") + 1).replaceAll("~1", "/").replaceAll("~0", "~");

  // The places within each place, by pointer, in the order of the form.
  const placesIn = (pointers) => {
    const within = new Map();
    for (const pointer of pointers) {
      if (pointer === ROOT) continue;
      const parent = parentOf(pointer);
      within.set(parent, [...(within.get(parent) ?? []), pointer]);
    }
    return within;
  };

  // Returns the sample that the form holds; what is wrong is marked, and then there is no sample.
  const sampleOfForm = () => {
    const kinds = new Map();
    const texts = new Map();
    for (const [name, text] of new FormData(byField)) {
      if (name.startsWith(PREFIX)) kinds.set(name.slice(PREFIX.length), text);
      else texts.set(name, text);
    }
    const within = placesIn(kinds.keys());
    let firstWrong = null;
    const wrong = (pointer, words) => {
      const input = markedAt(pointer, words);
      firstWrong ??= input;
      return null;
    };
    const number = (pointer, text) => {
      const input = byField.elements.namedItem(pointer);
      if (!NUMBER.test(text) || !Number.isFinite(Number(text)))
        return wrong(pointer, text || input?.validity.badInput ? "This is not a number." : "Enter a number.");
      return "n" + text.replace(/^(-?)0+(?=\d)/, "$1").replace(/^(-?)\./, "$10.");
    };
    const json = (pointer, text) => {
      try {
        return parsed(text);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        return wrong(pointer, text.trim() ? "This is not JSON." : "Enter JSON.");
      }
    };
    const valueAt = (pointer) => {
      const text = texts.get(pointer) ?? "";
      const inner = (within.get(pointer) ?? []).filter((one) => kinds.get(one) !== "absent");
      switch (kinds.get(pointer)) {
        case "array":
          return inner.map(valueAt);
        case "object":
          return Object.fromEntries(inner.map((one) => ["s" + keyOf(one), valueAt(one)]));
        case "null":
          return null;
        case "boolean":
          return text === "true";
        case "string":
          return "s" + text.replaceAll("\r\n", "\n");
        case "number":
        case "integer":
          return number(pointer, text.trim());
        default:
          return json(pointer, text);
      }
    };
    unmarked();
    const value = valueAt(ROOT);
    return { value, firstWrong };
  };

  // Puts a value into the form; returns false where the form has other places than the value.
  const filled = (value, pointer, within) => {
    const control = byField.elements.namedItem(PREFIX + pointer);
    if (!control) return false;
    const input = byField.elements.namedItem(pointer);
    const put = (text) => {
      if (!input) return false;
      input.value = text;
      return input.value === text;
    };
    const kind = kindOf(value);
    const option = [...(control.options ?? [])].find((one) => same(one.value, kind));
    // Where it could be a field of its own, the service makes that.
    if (control.value === "json") return !option && put(written(value));
    if (!same(kind, control.value)) {
      if (!option || kind === "array" || kind === "object" || (kind !== "null" && !input)) return false;
      control.value = option.value;
    }
    const inner = within.get(pointer) ?? [];
    switch (kind) {
      case "null":
        return true;
      case "boolean":
        input.checked = value;
        return true;
      case "array":
        return inner.length === value.length && inner.every((one, index) => filled(value[index], one, within));
      case "object":
        return filledObject(value, inner, within);
      default:
        return put(value.slice(1));
    }
  };

  const filledObject = (value, inner, within) => {
    const names = new Set(inner.map((one) => "s" + keyOf(one)));
    if (!Object.keys(value).every((name) => names.has(name))) return false;
    return inner.every((one) => {
      const name = "s" + keyOf(one);
      const control = byField.elements.namedItem(PREFIX + one);
      if (Object.hasOwn(value, name)) return filled(value[name], one, within);
      if (![...(control.options ?? [])].some((option) => option.value === "absent")) return false;
      control.value = "absent";
      return true;
    });
  };

  const places = () =>
    placesIn([...byField.elements].filter((one) => one.name.startsWith(PREFIX)).map((one) => one.name.slice(5)));

  // --- in step ---

  const literals = {
    curl: (line) => (SAFE.test(line) ? line : `'${line.replaceAll("'", `'"'"'`)}'`),
    python: (line) =>
      line.replace(/"(?:[^"\\]|\\.)*"|true|false|null/g, (token) =>
        ({ true: "True", false: "False", null: "None" })[token] ?? token),
    javascript: (line) => line,
  };

  const showPrograms = (value) => {
    for (const [language, literal] of Object.entries(literals))
      find(language).querySelector(".literal").textContent = literal(written(value));
  };

  const showSample = (value) => {
    editor.value = shown(value);
    said(find("sample-said"), "");
    showPrograms(value);
  };

  let asked = 0;
  // Has the service make the form of what is sent, and shows that: only it knows the samples' schema.
  const refresh = async (pairs, { keepEditor = false } = {}) => {
    const mine = ++asked;
    const focused = document.activeElement?.closest("#fields") ? document.activeElement.name : null;
    try {
      const response = await fetch(root + own, { method: "POST", body: new URLSearchParams(pairs) });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fields = page.getElementById("fields");
      if (mine !== asked) return;
      if (!fields) throw new TypeError(`${response.status} ${response.statusText}`);
      find("fields").replaceChildren(...fields.childNodes);
      said(find("fields-said"), "");
      if (!keepEditor) showSample(parsed(page.getElementById("sample").value));
      const again = focused && byField.elements.namedItem(focused);
      (again instanceof Element ? again : null)?.focus();
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      said(find("fields-said"), `The form is not up to date: ${error.message}.`);
    }
  };

  let pause = 0;
  const editorChanged = () => {
    clearTimeout(pause);
    ++asked;
    let value;
    try {
      value = parsed(editor.value);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      said(find("sample-said"), editor.value.trim() ? `This is not JSON: ${error.message}` : "");
      said(find("fields-said"), "The form shows the last sample that could be read.");
      return;
    }
    said(find("sample-said"), "");
    said(find("fields-said"), "");
    unmarked();
    showPrograms(value);
    if (!filled(value, ROOT, places()))
      pause = setTimeout(() => refresh({ do: "show", sample: editor.value }, { keepEditor: true }), PAUSE);
  };

  const take = (sample) => {
    editor.value = sample;
    editorChanged();
    find("try").scrollIntoView();
    editor.focus({ preventScroll: true });
  };

  editor.addEventListener("input", editorChanged);
  const forms = [byField, find("by-json")];
  for (const form of forms)
    form.addEventListener("input", ({ target }) => {
      if (!target.name.startsWith(PARAMETER)) return;
      for (const other of forms) other.elements.namedItem(target.name).value = target.value;
    });
  byField.addEventListener("input", ({ target }) => {
    if (target.classList.contains("kind") || target.name.startsWith(PARAMETER)) return;
    const { value, firstWrong } = sampleOfForm();
    if (!firstWrong) showSample(value);
  });
  byField.addEventListener("change", ({ target }) => {
    if (target.classList.contains("kind")) refresh([...new FormData(byField), ["do", "show"]]);
  });

  // --- requests ---

  const linked = (text) => {
    const pieces = document.querySelector("nav [href$=notebook]") ? text.split(/(cell \[\d+\])/) : [text];
    return pieces.map((piece, index) =>
      index % 2 ? make("a", { href: `/notebook#cell-${piece.match(/\d+/)[0]}`, textContent: piece }) : piece);
  };

  const duration = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);

  const lineOf = (text) => {
    try {
      return written(parsed(text));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return text;
    }
  };

  const remember = (sample, status, answer, took) => {
    const again = make("button", { type: "button", className: "small", textContent: "Take this" });
    const time = new Date().toLocaleTimeString([], { hourCycle: "h23" });
    again.setAttribute("aria-label", `Take this: the sample of ${time}`);
    again.addEventListener("click", () => take(sample));
    const cell = (name, ...within) => {
      const made = make("td", {}, ...within);
      made.dataset.name = name;
      return made;
    };
    const short = (text) => make("code", { textContent: text.length > 200 ? `${text.slice(0, 200)} …` : text });
    find("requests").prepend(
      make("tr", {}, make("td", {}, again), cell("Time", time), cell("Sample", short(lineOf(sample))),
        cell("Answer", short(lineOf(answer))), cell("Status", status), cell("Took", took)));
    find("requests").children[HISTORY]?.remove();
    find("visit").hidden = false;
  };

  // A picture or sound, given its data: URL.
  const mediaOf = (url, alt) =>
    url.startsWith("data:image/") ? [make("img", { src: url, alt })]
      : /^data:(audio|video)\//.test(url) ? [make("audio", { controls: true, src: url })] : [];

  const showAnswer = (text, words) => {
    const media = text.startsWith('"data:') ? mediaOf(JSON.parse(text), "The answer") : [];
    const answer = make("pre", { id: "answer-text", textContent: media.length ? `${text.slice(0, MAX_URL)}…"` : text });
    find("outcome").replaceChildren(
      make("div", { className: "answer", id: "answer" }, ...media, answer, make("p", { className: "quiet", textContent: words })));
  };

  const showProblem = (title, detail, traceback) => {
    const parts = [make("h3", { textContent: title }), make("p", { textContent: detail })];
    if (traceback) parts.push(make("pre", {}, ...linked(traceback)));
    find("outcome").replaceChildren(make("div", { className: "problem", id: "problem" }, ...parts));
  };

  // The items of a stream so far: strings as one text, anything else as a list.
  const listed = (items) =>
    items.every((item) => item[0] === '"') ? items.map((item) => JSON.parse(item)).join("") : `[${items.join(", ")}]`;

  // Shows the items of a stream as they come; returns them, and the problem that ended it, if any.
  const followed = async (response) => {
    const items = [];
    let problem = null;
    let rest = "";
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      const blocks = (rest + read.value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const [, event = "message", data] = block.match(/^(?:event: (\w+)\n)?data: (.*)$/) ?? [];
        if (event === "error") problem = JSON.parse(data);
        else if (event === "message" && data) items.push(data);
      }
      showAnswer(listed(items), `${items.length} items so far`);
    }
    return { items, problem };
  };

  // The parameters that are set, as a query; both forms have the same.
  const query = () => {
    const set = [...new FormData(byField)].filter(([name, text]) => name.startsWith(PARAMETER) && text !== "");
    const text = String(new URLSearchParams(set.map(([name, value]) => [name.slice(PARAMETER.length), value])));
    return text && `?${text}`;
  };

  const predict = async () => {
    const sample = editor.value;
    find("result").setAttribute("aria-busy", "true");
    const started = performance.now();
    try {
      const response = await fetch(root + asks + query(), { method: "POST", headers: { "Content-Type": "application/json", Accept: streams ? "text/event-stream, application/json;q=0.5" : "application/json" }, body: sample });
      const status = `${response.status} ${response.statusText}`.trim();
      const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
      const { items, problem: ended } = isStream ? await followed(response) : {};
      const text = ended ? JSON.stringify(ended) : isStream ? `[${items.join(", ")}]` : await response.text();
      const took = duration(performance.now() - started);
      if (isStream && !ended) {
        showAnswer(listed(items), `${status}, ${items.length} items, round trip ${took}, request ${response.headers.get("X-Request-ID")}`);
        remember(sample, status, text, took);
      } else if (response.ok && !ended) {
        const answer = shown(parsed(text));
        showAnswer(answer, `${status}, round trip ${took}, request ${response.headers.get("X-Request-ID")}`);
        remember(sample, status, answer, took);
      } else {
        const problem = JSON.parse(text);
        showProblem(`${problem.status} ${problem.title}`, problem.detail, problem.traceback);
        for (const error of problem.errors ?? []) markedAt(error.pointer, error.detail);
        remember(sample, status, problem.detail, took);
      }
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      showProblem("No answer", `The service can't be reached, or what came is not its answer: ${error.message}.`);
    } finally {
      find("result").removeAttribute("aria-busy");
      copyable();
    }
  };

  byField.addEventListener("submit", (event) => {
    event.preventDefault();
    const wanted = event.submitter?.value ?? "predict";
    if (wanted !== "predict") {
      refresh([...new FormData(byField), ["do", wanted]]);
      return;
    }
    const { value, firstWrong } = sampleOfForm();
    if (firstWrong) {
      firstWrong.focus();
      return;
    }
    showSample(value);
    predict();
  });
  // Files are sent without this script; it only shows the chosen files.
  find("by-file")?.addEventListener("change", () => {
    find("previews").replaceChildren();
    for (const { files } of find("by-file").querySelectorAll("[type=file]")) {
      for (const file of files) {
        const reader = new FileReader();
        reader.addEventListener("load", () => find("previews").append(...mediaOf(reader.result, file.name)));
        reader.readAsDataURL(file);
      }
    }
  });
  find("by-json").addEventListener("submit", (event) => {
    event.preventDefault();
    unmarked();
    predict();
  });

  for (const link of document.querySelectorAll("a.take"))
    link.addEventListener("click", (event) => {
      event.preventDefault();
      take(link.closest("tr").querySelector("code").textContent);
    });

  // --- copies, and figures of now ---

  const copyable = () => {
    for (const button of document.querySelectorAll(".copy")) button.hidden = !find(button.dataset.copies);
  };

  const copy = async (element) => {
    const text = element.value ?? element.textContent;
    // Browsers have a clipboard for pages by HTTPS and of this machine alone.
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const hidden = make("textarea", { value: text });
    document.body.append(hidden);
    hidden.select();
    document.execCommand("copy");
    hidden.remove();
  };

  for (const button of document.querySelectorAll(".copy"))
    button.addEventListener("click", async () => {
      await copy(find(button.dataset.copies));
      button.focus();
      button.classList.add("done");
      find("copied").textContent = "Copied.";
      setTimeout(() => {
        button.classList.remove("done");
        find("copied").textContent = "";
      }, 2000);
    });
  copyable();

  document.addEventListener("click", async (event) => {
    if (event.target.id !== "refresh") return;
    event.preventDefault();
    const page = new DOMParser().parseFromString(await (await fetch(root + own)).text(), "text/html");
    for (const id of ["state", "figures", "charts"]) {
      const newer = page.getElementById(id);
      if (newer) find(id).replaceWith(newer);
    }
    find("refresh")?.focus();
  });
})();
