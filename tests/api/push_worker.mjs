// Runs a service worker with one message, a click on the notification or on one of its buttons, and says what it did.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const { worker, message, action } = JSON.parse(readFileSync(0, "utf-8"));
const listeners = {};
const shown = [];
const opened = [];
const reports = [];
const work = [];
const scope = {
  addEventListener: (type, listener) => { listeners[type] = listener; },
  registration: { showNotification: async (title, options) => { shown.push({ title, ...structuredClone(options) }); } },
  clients: { openWindow: async (url) => { opened.push(url); } },
  fetch: async (url, { method, body }) => {
    reports.push({ url, method, body: String(body), type: new Request(url, { method, body }).headers.get("content-type") });
    throw new TypeError("away");
  },
  URLSearchParams,
};
vm.runInNewContext(worker, scope);
listeners.push({ data: { json: () => message }, waitUntil: (promise) => { work.push(promise); } });
await Promise.all(work);
let closed = 0;
const notification = { data: shown[0].data, close: () => { closed += 1; } };
listeners.notificationclick({ notification, action, waitUntil: (promise) => { work.push(promise); } });
await Promise.all(work);
console.log(JSON.stringify({ shown, opened, reports, closed }));
