// Renders /openapi.json: every operation with its parameters, bodies, answers and a curl line. Nothing from elsewhere.
const METHODS = ["get", "head", "put", "post", "patch", "delete"];
let spec;

const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const resolve = (node) => {
  while (node && node.$ref) node = node.$ref.slice(2).split("/").reduce((at, key) => at[key], spec);
  return node ?? {};
};

function typeOf(schema, depth = 0) {
  const name = schema?.$ref?.split("/").pop();
  schema = resolve(schema);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map((one) => typeOf(one, depth)).join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {}, depth)}`;
  return name ?? [schema.type ?? "any", schema.format].filter(Boolean).join(", ");
}

function exampleOf(schema, depth = 0) {
  schema = resolve(schema);
  if (schema.examples?.length) return schema.examples[0];
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const either = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (either) return exampleOf(either[0], depth);
  if (schema.type === "array") return depth > 3 ? [] : [exampleOf(schema.items ?? {}, depth + 1)];
  if (schema.properties && depth < 4) {
    return Object.fromEntries(Object.entries(schema.properties).map(([key, one]) => [key, exampleOf(one, depth + 1)]));
  }
  return { string: "…", integer: 0, number: 0, boolean: false, object: {} }[schema.type] ?? null;
}

function table(titles, rows) {
  const element = make("table");
  const head = element.createTHead().insertRow();
  titles.forEach((title) => head.append(make("th", title)));
  const body = element.createTBody();
  rows.forEach((cells) => {
    const row = body.insertRow();
    cells.forEach((cell, index) => row.insertCell().append(index === 0 ? make("code", cell) : cell));
  });
  return element;
}

function bodyOf(title, content) {
  const box = make("div");
  Object.entries(content ?? {}).forEach(([type, media]) => {
    box.append(make("h4", `${title}: ${type}`));
    const given = media.example ?? Object.values(media.examples ?? {})[0]?.value ?? (media.schema && exampleOf(media.schema));
    if (type.includes("json") && given !== undefined && given !== null) {
      box.append(make("pre", JSON.stringify(given, null, 2)));
    }
  });
  return box;
}

function curl(method, path, operation) {
  const open = (operation.security ?? spec.security ?? []).length === 0;
  const parts = ["curl"];
  if (method !== "get") parts.push(method === "head" ? "--head" : `-X ${method.toUpperCase()}`);
  if (!open) parts.push('-H "Authorization: Bearer $TOKEN"');
  const types = Object.keys(resolve(operation.requestBody).content ?? {});
  if (types.includes("application/json")) parts.push("-H 'Content-Type: application/json' -d @body.json");
  else if (types.includes("multipart/form-data")) parts.push("-F file=@local-file");
  else if (types.length) parts.push("--data-binary @local-file");
  parts.push(`'${location.origin}${path}'`);
  return parts.join(" ");
}

function operationOf(method, path, operation, shared) {
  const details = make("details");
  const summary = make("summary");
  summary.append(make("span", method.toUpperCase(), `method ${method}`), make("code", path), make("span", operation.summary ?? "", "what"));
  details.append(summary);
  details.dataset.words = `${method} ${path} ${operation.summary ?? ""} ${operation.description ?? ""}`.toLowerCase();
  details.addEventListener("toggle", () => {
    if (!details.open || details.dataset.filled) return;
    details.dataset.filled = "yes";
    if (operation.description) details.append(make("p", operation.description));
    details.append(make("pre", curl(method, path, operation)));
    const parameters = [...shared, ...(operation.parameters ?? [])].map(resolve);
    if (parameters.length) {
      details.append(table(["parameter", "in", "type", "meaning"], parameters.map((one) => [
        one.name + (one.required ? " *" : ""), one.in, typeOf(one.schema), one.description ?? "",
      ])));
    }
    details.append(bodyOf("Body", resolve(operation.requestBody).content));
    const answers = Object.entries(operation.responses ?? {}).map(([status, answer]) => [status, resolve(answer)]);
    details.append(table(["answer", "meaning"], answers.map(([status, answer]) => [status, answer.description ?? ""])));
    const good = answers.find(([status]) => status.startsWith("2"));
    if (good) details.append(bodyOf(`Answer ${good[0]}`, good[1].content));
  });
  return details;
}

function render() {
  document.getElementById("about").textContent = `Version ${spec.info.version}. Send the token as “Authorization: Bearer …”.`;
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of METHODS.filter((one) => item[one])) {
      const tag = item[method].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationOf(method, path, item[method], item.parameters ?? []));
    }
  }
  const root = document.getElementById("groups");
  for (const [tag, operations] of groups) {
    const section = make("section");
    section.append(make("h2", tag), ...operations);
    root.append(section);
  }
}

document.getElementById("filter").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  document.querySelectorAll("#groups section").forEach((section) => {
    const operations = [...section.querySelectorAll("details")];
    operations.forEach((one) => { one.hidden = !words.every((word) => one.dataset.words.includes(word)); });
    section.hidden = operations.every((one) => one.hidden);
  });
});

fetch("openapi.json").then((answer) => answer.json()).then((loaded) => { spec = loaded; render(); }).catch(() => {
  document.getElementById("about").textContent = "The OpenAPI document cannot be read. Is the node still running?";
});
