"use strict";
// Opens GraphiQL on the endpoint the page names. Subscriptions come as an event stream over the same path.

const place = document.getElementById("explorer");
const tabs = JSON.parse(document.getElementById("tabs").textContent);
const endpoint = place.dataset.endpoint;

function isSubscription(documentAST, operationName) {
  const operations = (documentAST ? documentAST.definitions : []).filter((node) => node.kind === "OperationDefinition");
  const chosen = operations.find((node) => !operationName || (node.name && node.name.value === operationName));
  return Boolean(chosen) && chosen.operation === "subscription";
}

// Headers travel as Latin-1; a placeholder that was not filled in is left out.
function sendable(headers) {
  return Object.fromEntries(
    Object.entries(headers || {}).filter(([, value]) => typeof value === "string" && /^[\x20-\x7e]+$/.test(value))
  );
}

function ask(asked, headers, accept) {
  return fetch(endpoint, {
    method: "POST",
    credentials: "omit",
    headers: { ...sendable(headers), "content-type": "application/json", accept },
    body: JSON.stringify(asked),
  });
}

async function* events(asked, headers) {
  const response = await ask(asked, headers, "text/event-stream");
  if (!(response.headers.get("content-type") || "").startsWith("text/event-stream")) {
    yield await response.json();
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (held + value).split("\r\n\r\n");
      held = parts.pop();
      for (const part of parts) {
        const lines = part.split("\r\n");
        if (lines.includes("event: complete")) return;
        const data = lines.find((line) => line.startsWith("data: "));
        if (data) yield JSON.parse(data.slice(6));
      }
    }
  } finally {
    reader.cancel();
  }
}

// GraphiQL learns an operation's name a moment after its text; until then it sends the name of the tab before.
function rightlyNamed(asked) {
  const name = asked.operationName;
  const known = !name || new RegExp(`\\b(query|mutation|subscription)\\s+${name}\\b`).test(asked.query);
  return known ? asked : { ...asked, operationName: undefined };
}

// Without a token an endpoint may not tell its schema; the published one does for the documentation.
async function publishedSchema() {
  const response = await fetch(place.dataset.schema, { credentials: "omit" });
  return response.json();
}

async function fetcher(asked, { headers, documentAST } = {}) {
  if (asked.operationName === "IntrospectionQuery" && !sendable(headers).Authorization) return publishedSchema();
  if (isSubscription(documentAST, asked.operationName)) return events(asked, headers);
  const response = await ask(rightlyNamed(asked), headers, "application/graphql-response+json, application/json;q=0.9");
  return response.json();
}

// What an example asks for stands ready to be filled in.
function variablesOf(query) {
  const names = Array.from(query.matchAll(/\$(\w+):/g), ([, name]) => [name, ""]);
  return names.length ? JSON.stringify(Object.fromEntries(names), null, 2) : undefined;
}

ReactDOM.createRoot(place).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: tabs.map((query) => ({ query, variables: variablesOf(query), headers: place.dataset.headers })),
    defaultHeaders: place.dataset.headers,
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false,
  })
);
