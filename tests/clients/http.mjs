// HTTP as axios, fetch and got speak it: repeated filters, polling on kept connections, loops over pages.
import http from "node:http";

import axios from "axios";
import got from "got";

const { API, TOKEN } = process.env;
const POLLS = Number(process.env.POLLS);
const IDLE_MS = Number(process.env.IDLE_MS);
const headers = { Authorization: `Bearer ${TOKEN}` };
const filters = { extension: ["101", "102"], status: ["ANSWERED", "BUSY"] };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const ids = (page) => page.data.map((record) => record.id).sort();

async function read(url) {
  const response = await fetch(url, { headers });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

// Each way in which libraries write a filter with several values. The answers must be the same.
async function filtered() {
  const params = { ...filters, limit: 100 };
  const byAxios = (indexes) => axios.get(`${API}/v1/cdr`, { headers, params, paramsSerializer: { indexes } }).then((answer) => answer.data);
  const repeated = new URLSearchParams([["limit", "100"], ...Object.entries(filters).flatMap(([name, all]) => all.map((one) => [name, one]))]);
  return {
    "axios a[]": ids(await byAxios(false)),
    "axios a[0]": ids(await byAxios(true)),
    "axios a": ids(await byAxios(null)),
    "fetch URLSearchParams": ids(await read(`${API}/v1/cdr?${repeated}`)),
    "got searchParams": ids(await got(`${API}/v1/cdr`, { headers, searchParams: repeated }).json()),
  };
}

// Polls that meet a connection that was idle for longer than 5 s, which many servers keep: the local
// port of each poll's connection, and the polls that failed.
async function polled() {
  const url = `${API}/v1/cdr?limit=1`;
  const failures = [];
  const kept = () => new http.Agent({ keepAlive: true, maxSockets: 1 });
  const agents = { axios: kept(), got: kept() };
  const clients = {
    axios: () => axios.get(url, { headers, httpAgent: agents.axios }).then((answer) => answer.request.socket.localPort),
    got: () => portOfGot(got(url, { headers, agent: { http: agents.got }, retry: { limit: 0 } })),
    fetch: () => read(url).then(() => 0), // it does not say
  };
  const polls = Object.entries(clients).map(async ([name, ask]) => {
    const ports = [];
    for (let poll = 0; poll < POLLS; poll++) {
      if (poll) await sleep(IDLE_MS);
      ports.push(await ask().catch((reason) => failures.push(`${name} ${reason.code ?? reason.cause?.code ?? reason.message}`) && null));
    }
    return [name, ports];
  });
  const ports = Object.fromEntries(await Promise.all(polls));
  Object.values(agents).forEach((agent) => agent.destroy());
  return { ports, failures };
}

async function portOfGot(asked) {
  let port;
  asked.on("request", (request) => request.on("response", (response) => (port = response.socket.localPort)));
  await asked;
  return port;
}

// A scroll read until there is no data, and one until there is no scroll_id: both end, and read the same.
async function scrolled() {
  const loops = { "no data": (page) => page.data.length, "no scroll_id": (page) => page.scroll_id };
  const read = {};
  for (const [name, goesOn] of Object.entries(loops)) {
    const found = [];
    let page = { scroll_id: "" };
    do {
      const query = new URLSearchParams({ scroll_id: page.scroll_id, limit: "2" });
      page = await (await fetch(`${API}/v1/cdr?${query}`, { headers })).json();
      found.push(...page.data.map((record) => record.id));
      if (found.length > 100) throw new Error(`${name}: no end`);
    } while (goesOn(page));
    read[name] = found;
  }
  return read;
}

// What a browser asks before it sends a request of another origin's page.
async function preflights() {
  const asked = ["authorization", "authorization,x-requested-with", "x-csrf-token", "x-xsrf-token,cache-control", "content-type"];
  const answers = {};
  for (const names of asked) {
    const answer = await axios.request({
      method: "OPTIONS",
      url: `${API}/v1/click2call`,
      headers: { Origin: "https://crm.example.vn", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names },
    });
    answers[names] = [answer.headers["access-control-allow-origin"], answer.headers["access-control-allow-headers"]];
  }
  return answers;
}

const [inFilters, inScrolls, inPreflights, inPolls] = await Promise.all([filtered(), scrolled(), preflights(), polled()]);
console.log(JSON.stringify({ filtered: inFilters, scrolled: inScrolls, preflights: inPreflights, polled: inPolls }));
