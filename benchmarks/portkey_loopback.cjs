// node --require portkey_loopback.cjs start-server.js: Portkey's gateway has no option for the address it listens on,
// and a benchmark must not be reachable from outside this machine.
"use strict";
const { Server } = require("node:net");

const listen = Server.prototype.listen;
Server.prototype.listen = function (first, ...rest) {
  const isOptions = typeof first === "object" && first !== null;
  const options = isOptions ? first : { port: Number(first) };
  const callback = rest.find((argument) => typeof argument === "function");
  return listen.call(this, { ...options, host: "127.0.0.1" }, callback);
};
