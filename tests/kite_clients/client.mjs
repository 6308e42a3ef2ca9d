// The official npm client against the simulator: every check is one line of output, the first that fails ends it.
//
// Usage: client.mjs SIM_JSON, the first line of `barkeep sim --json`; the simulator runs 20 times as fast as the clock, with
// the faults that tests/sim_clients.rs gives it.

import { KiteConnect, KiteTicker } from "kiteconnect";

const sim = JSON.parse(process.argv[2]);
const INFY = 408065;
const NIFTY = 256265;

const check = (what, holds, seen) => {
  if (!holds) {
    console.log(`FAILED ${what}: ${JSON.stringify(seen)}`);
    process.exit(1);
  }
  console.log(`ok ${what}`);
};

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

const until = async (what, holds, seconds = 20) => {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) check(what, false, "it never came");
    await pause(20);
  }
  check(what, true);
};

const refused = async (what, type, call) => {
  try {
    await call();
  } catch (error) {
    check(what, error.error_type === type, error);
    return;
  }
  check(what, false, "no error");
};

// Asks again when it was asked too often, as a client of Kite must.
const patient = (client) =>
  new Proxy(client, {
    get: (target, name) => async (...args) => {
      for (let turn = 0; ; turn += 1) {
        try {
          return await target[name](...args);
        } catch (error) {
          if (error.message !== "Too many requests" || turn === 200) throw error;
          await pause(50);
        }
      }
    },
  });

const session = async () => {
  const client = patient(new KiteConnect({ api_key: sim.api_key, root: sim.rest }));
  await refused("no session, no profile", "TokenException", () => client.getProfile());
  const made = await client.generateSession(sim.request_token, sim.api_secret);
  check("a session", made.access_token && made.user_id, made);
  client.setAccessToken(made.access_token);
  check("a profile", (await client.getProfile()).user_id === made.user_id);
  check("margins", (await client.getMargins("equity")).available.cash > 0);
  return { client, token: made.access_token };
};

const marketData = async (client) => {
  const rows = await client.getInstruments("NSE");
  const infy = rows.find((row) => row.tradingsymbol === "INFY");
  check("instruments", Number(infy.instrument_token) === INFY, infy);
  const quote = (await client.getQuote(["NSE:INFY"]))["NSE:INFY"];
  check("a quote with five levels", quote.depth.sell.length === 5, quote);
  check("ohlc and ltp", (await client.getOHLC(["NSE:INFY"]))["NSE:INFY"].ohlc && (await client.getLTP(["NSE:INFY"]))["NSE:INFY"]);
  const from = `${sim.date} 09:15:00`;
  const candles = await client.getHistoricalData(INFY, "minute", from, `${sim.date} 09:19:00`);
  check("candles, the last one included", candles.length === 5, candles);
  check("their time", candles[0].date.toISOString() === `${sim.date}T03:45:00.000Z`, candles[0]);
  await refused("too long a range", "InputException", () => client.getHistoricalData(INFY, "minute", "2026-01-01 09:15:00", from));
  return infy;
};

const orders = async (client, infy) => {
  const tick = infy.tick_size;
  const last = (await client.getLTP(["NSE:INFY"]))["NSE:INFY"].last_price;
  const low = Number((Math.round((last * 0.97) / tick) * tick).toFixed(2));
  const common = { exchange: "NSE", tradingsymbol: "INFY", product: "MIS", quantity: 5 };
  const statuses = async (id) => (await client.getOrderHistory(id)).map((row) => row.status);
  const last_status = async (id) => (await statuses(id)).at(-1);
  const resting = (await client.placeOrder("regular", { ...common, transaction_type: "BUY", order_type: "LIMIT", price: low })).order_id;
  await until("a resting order", async () => (await last_status(resting)) === "OPEN");
  await client.modifyOrder("regular", resting, { quantity: 6 });
  await until("a modified order", async () => (await statuses(resting)).includes("MODIFIED"));
  await client.cancelOrder("regular", resting);
  await until("a cancelled order", async () => (await last_status(resting)) === "CANCELLED");
  await refused("an unknown instrument", "InputException", () =>
    client.placeOrder("regular", { ...common, tradingsymbol: "NOSUCH", transaction_type: "BUY", order_type: "LIMIT", price: 1 }));
  return common;
};

const feed = async (client, token, common) => {
  const seen = { ticks: new Map(), updates: [], connects: 0, closed: 0 };
  const ticker = new KiteTicker({ api_key: sim.api_key, access_token: token, root: sim.ws, reconnect: true });
  ticker.autoReconnect(true, 10, 5);
  // This client leaves resubscription to its user.
  ticker.on("connect", () => {
    seen.connects += 1;
    ticker.subscribe([INFY, NIFTY]);
    ticker.setMode(ticker.modeFull, [INFY, NIFTY]);
  });
  ticker.on("ticks", (ticks) => ticks.forEach((tick) => seen.ticks.set(tick.instrument_token, [...(seen.ticks.get(tick.instrument_token) ?? []), tick])));
  ticker.on("order_update", (update) => seen.updates.push(update));
  ticker.on("disconnect", () => (seen.closed += 1));
  ticker.on("error", () => {});
  ticker.connect();
  const last = (token) => seen.ticks.get(token)?.at(-1) ?? {};
  await until("ticks in mode full", () => last(INFY).mode === "full" && last(INFY).depth.buy.length === 5);
  await until("an index in mode full", () => last(NIFTY).mode === "full" && last(NIFTY).tradable === false);
  const order = (await client.placeOrder("regular", { ...common, transaction_type: "BUY", order_type: "MARKET", market_protection: -1 })).order_id;
  await until("a filled order", async () => (await client.getOrderHistory(order)).at(-1).status === "COMPLETE");
  await until("its postback", () => seen.updates.some((update) => update.order_id === order && update.status === "COMPLETE"));
  check("its trades", (await client.getOrderTrades(order)).reduce((sum, fill) => sum + fill.quantity, 0) === 5);
  check("a position", (await client.getPositions()).net[0].quantity === 5);
  await until("the planned cut", () => seen.closed > 0, 60);
  await until("a reconnect", () => seen.connects >= 2, 60);
  const before = seen.ticks.get(INFY).length;
  await until("ticks again", () => seen.ticks.get(INFY).length > before + 5);
  ticker.autoReconnect(false, 10, 5);
  ticker.disconnect();
};

const { client, token } = await session();
const infy = await marketData(client);
const common = await orders(client, infy);
await feed(client, token, common);
await refused("a bad day of the broker", "GeneralException", () => client.getMargins());
await client.invalidateAccessToken(token);
await refused("a session that ended", "TokenException", () => client.getProfile());
console.log("done");
process.exit(0);
