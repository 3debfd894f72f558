// The WebSocket: connects, comes back by itself, and knows how old what it has heard is.
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 20000;
const NO_LONGER_ALLOWED = 4401;

export class Live {
  // `onMessage(message)` is called with every message, `onState(state)` with connecting, live or away.
  constructor({ team, onMessage, onState }) {
    this.team = team;
    this.onMessage = onMessage;
    this.onState = onState;
    this.retryMs = FIRST_RETRY_MS;
    this.heardAt = 0;
    addEventListener("online", () => this.reconnect());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.reconnect();
    });
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const query = this.team ? `?team=${encodeURIComponent(this.team)}` : "";
    const socket = new WebSocket(`${scheme}://${location.host}/metrics/live${query}`);
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      this.retryMs = FIRST_RETRY_MS;
      this.heardAt = Date.now();
      const message = JSON.parse(data);
      if (message.type === "snapshot") this.onState("live");
      this.onMessage(message);
    };
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.onState("away");
      if (code === NO_LONGER_ALLOWED) {
        location.reload();
        return;
      }
      // Not all at once after a restart of the server.
      this.timer = setTimeout(() => this.connect(), this.retryMs * (0.75 + Math.random() / 2));
      this.retryMs = Math.min(LONGEST_RETRY_MS, this.retryMs * 1.8);
    };
  }

  // Try again now, if nothing is open.
  reconnect() {
    if (this.socket) return;
    clearTimeout(this.timer);
    this.connect();
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
