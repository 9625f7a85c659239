// A page as a peer: one link to the station that served it, one chunk. Only for tests.
"use strict";

const base64 = (octets) => btoa(String.fromCharCode(...octets));
const octetsOf = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
const hex = (octets) => [...octets].map((one) => one.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g), (two) => parseInt(two, 16));
const chance = (octets) => crypto.getRandomValues(new Uint8Array(octets));
const text = (words) => new TextEncoder().encode(words);

/** The certificate that a description promises, as 32 octets. */
function fingerprint(sdp) {
  return unhex(/^a=fingerprint:sha-256 (\S+)/im.exec(sdp)[1].replaceAll(":", ""));
}

/** Messages of a channel, one after the other. */
class Inbox {
  constructor(channel) {
    this.messages = [];
    channel.onmessage = ({ data }) => {
      this.messages.push(data);
      this.wake?.();
    };
  }

  async next(wanted) {
    for (;;) {
      const at = this.messages.findIndex(wanted);
      if (at >= 0) return this.messages.splice(at, 1)[0];
      await new Promise((resolve) => (this.wake = resolve));
    }
  }
}

class Peer {
  static async dial(callsign) {
    const peer = new Peer();
    peer.callsign = callsign;
    peer.secret = chance(32);
    peer.key = publicKey(peer.secret);
    const rtc = (peer.rtc = new RTCPeerConnection());
    peer.control = rtc.createDataChannel("control", { negotiated: true, id: 0 });
    peer.chunks = rtc.createDataChannel("chunks",
      { negotiated: true, id: 1, maxPacketLifeTime: 3000 });
    peer.chunks.binaryType = "arraybuffer";
    const told = new Inbox(peer.control);
    peer.octets = new Inbox(peer.chunks);
    const open = Promise.all([peer.control, peer.chunks].map(
      (one) => new Promise((resolve) => (one.onopen = resolve))));
    await rtc.setLocalDescription();
    while (rtc.iceGatheringState !== "complete")
      await new Promise((resolve) => (rtc.onicegatheringstatechange = resolve));
    peer.sdp = rtc.localDescription.sdp;
    const response = await fetch("/rtc/offer", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ station: hex(sha256(peer.key).slice(0, 8)), sdp: peer.sdp }),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.reason);
    await rtc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    await open;
    peer.answer = answer;
    peer.told = told;
    return peer;
  }

  say(message) { this.control.send(JSON.stringify(message)); }

  /** The next message of this type; pings before it are answered. */
  async hear(type) {
    for (;;) {
      const message = JSON.parse(await this.told.next(() => true));
      if (message.type === type) return message;
      if (message.type === "ping") this.say({ type: "pong", token: message.token });
      if (message.type === "bye") throw new Error(`bye: ${message.reason}`);
    }
  }

  async shakeHands() {
    const ours = { stationKey: this.key, nonce: chance(32), instance: chance(8) };
    this.say({
      type: "hello", protocol: 1, callsign: this.callsign, stationKey: base64(ours.stationKey),
      instance: base64(ours.instance), nonce: base64(ours.nonce), agent: "a page",
    });
    const hello = await this.hear("hello");
    const theirs = { stationKey: octetsOf(hello.stationKey), nonce: octetsOf(hello.nonce),
      instance: octetsOf(hello.instance) };
    const here = fingerprint(this.sdp), there = fingerprint(this.answer.sdp);
    const signed = (by, call, other, near, far) => joined(text("meshdl hello proof 1\0"),
      ...[by.stationKey, by.nonce, by.instance, text(call), other.stationKey, other.nonce, near, far]
        .map((part) => joined(bigEndian(part.length, 2), part)));
    const proof = sign(this.secret, signed(ours, this.callsign, theirs, here, there));
    this.say({ type: "hello-proof", signature: base64(proof) });
    const { signature } = await this.hear("hello-proof");
    if (!verifies(theirs.stationKey, octetsOf(signature),
      signed(theirs, hello.callsign, ours, there, here)))
      throw new Error("their proof does not hold");
    return hello.callsign;
  }

  /** The info dictionary of a content; what its hash is, is looked at. */
  async info(contentHash) {
    this.say({ type: "info-request", contentHash: base64(contentHash) });
    const octets = octetsOf((await this.hear("info")).octets);
    if (!same(sha256(octets), contentHash)) throw new Error("another info dictionary");
    return octets;
  }

  /** A chunk of one leaf, proved against the root of its file by its neighbour and uncles. */
  async leaf(contentHash, root, index, layers) {
    const request = { contentHash: base64(contentHash), root: base64(root), baseLayer: 0,
      index: index & ~1, length: 2 };
    this.say({ type: "hashes-request", ...request, proofLayers: layers });
    const joinedHashes = octetsOf((await this.hear("hashes")).hashes);
    const hashes = Array.from({ length: joinedHashes.length / 32 },
      (_, i) => joinedHashes.slice(i * 32, i * 32 + 32));
    let proved = sha256(joined(hashes[0], hashes[1]));
    for (let at = index >> 1, i = 2; i < hashes.length; at >>= 1, i++)
      proved = sha256(at & 1 ? joined(hashes[i], proved) : joined(proved, hashes[i]));
    if (!same(proved, root)) throw new Error("the hashes do not lead to the root");
    this.say({ type: "chunk-request", contentHash: base64(contentHash), handle: 7,
      ranges: [[index, 0, 16384]] });
    const message = new Uint8Array(await this.octets.next(() => true));
    const view = new DataView(message.buffer);
    if (view.getUint32(4) !== 7 || view.getUint32(8) !== index) throw new Error("another chunk");
    const octets = message.slice(16);
    if (!same(sha256(octets), hashes[index & 1])) throw new Error("wrong octets");
    return octets;
  }
}
