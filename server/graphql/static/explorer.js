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

async function fetcher(asked, { headers, documentAST } = {}) {
  if (isSubscription(documentAST, asked.operationName)) return events(asked, headers);
  const response = await ask(asked, headers, "application/graphql-response+json, application/json;q=0.9");
  return response.json();
}

ReactDOM.createRoot(place).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultTabs: tabs.map((query) => ({ query, headers: place.dataset.headers })),
    defaultHeaders: place.dataset.headers,
    defaultEditorToolsVisibility: "headers",
    shouldPersistHeaders: false,
  })
);
