// SHA-2 (FIPS 180-4) and Ed25519 (RFC 8032) in plain JavaScript, as short as can be read: a page on
// plain http has no crypto.subtle. For tests; it is slow and keeps no secret from who measures time.
"use strict";

const mask = (bits) => (1n << BigInt(bits)) - 1n;

function root(degree, n) {
  let low = 0n, high = n + 1n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= n) low = middle; else high = middle;
  }
  return low;
}

const PRIMES = [];
for (let n = 2n; PRIMES.length < 80; n++) if (PRIMES.every((p) => n % p)) PRIMES.push(n);

// The first bits behind the point of square and cube roots of the primes.
const START_64 = PRIMES.slice(0, 8).map((p) => root(2n, p << 128n) & mask(64));
const ROUND_64 = PRIMES.map((p) => root(3n, p << 192n) & mask(64));

const SHA256 = {
  word: 32, rounds: 64, S0: [2, 13, 22], S1: [6, 11, 25], s0: [7, 18, 3], s1: [17, 19, 10],
  start: START_64.map((one) => one >> 32n), round: ROUND_64.map((one) => one >> 32n),
};
const SHA512 = {
  word: 64, rounds: 80, S0: [28, 34, 39], S1: [14, 18, 41], s0: [1, 8, 7], s1: [19, 61, 6],
  start: START_64, round: ROUND_64,
};

function sha2(kind, octets) {
  const w = kind.word, all = mask(w), block = w * 2, size = w / 8;
  const turned = (x, n) => ((x >> BigInt(n)) | (x << BigInt(w - n))) & all;
  const big = (x, [a, b, c]) => turned(x, a) ^ turned(x, b) ^ turned(x, c);
  const small = (x, [a, b, c]) => turned(x, a) ^ turned(x, b) ^ (x >> BigInt(c));
  const padded = new Uint8Array(Math.ceil((octets.length + 1 + size * 2) / block) * block);
  padded.set(octets);
  padded[octets.length] = 0x80;
  new DataView(padded.buffer).setBigUint64(padded.length - 8, BigInt(octets.length) * 8n);
  const view = new DataView(padded.buffer);
  let state = [...kind.start];
  for (let at = 0; at < padded.length; at += block) {
    const words = [];
    for (let i = 0; i < 16; i++)
      words.push(w === 32 ? BigInt(view.getUint32(at + i * 4)) : view.getBigUint64(at + i * 8));
    for (let i = 16; i < kind.rounds; i++)
      words.push((small(words[i - 2], kind.s1) + words[i - 7]
        + small(words[i - 15], kind.s0) + words[i - 16]) & all);
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < kind.rounds; i++) {
      const first = h + big(e, kind.S1) + ((e & f) ^ (~e & all & g)) + kind.round[i] + words[i];
      const second = big(a, kind.S0) + ((a & b) ^ (a & c) ^ (b & c));
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) & all, c, b, a, (first + second) & all];
    }
    state = [a, b, c, d, e, f, g, h].map((one, i) => (one + state[i]) & all);
  }
  return joined(...state.map((one) => bigEndian(one, size)));
}

const sha256 = (octets) => sha2(SHA256, octets);
const sha512 = (octets) => sha2(SHA512, octets);

function joined(...parts) {
  const all = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) { all.set(one, at); at += one.length; }
  return all;
}

function bigEndian(number, octets) {
  return Uint8Array.from({ length: octets }, (_, i) =>
    Number((BigInt(number) >> BigInt(8 * (octets - 1 - i))) & 255n));
}

const littleEndian = (number, octets) => bigEndian(number, octets).reverse();
const numberOf = (octets) => octets.reduceRight((sum, one) => (sum << 8n) | BigInt(one), 0n);
const same = (a, b) => a.length === b.length && a.every((one, i) => one === b[i]);

// Ed25519, with the names of RFC 8032, 5.1 and 6.

const P = (1n << 255n) - 19n;
const L = (1n << 252n) + 27742317777372353535851937790883648493n;

const modulo = (x, m = P) => ((x % m) + m) % m;

function power(x, exponent) {
  let result = 1n;
  for (x = modulo(x); exponent; exponent >>= 1n, x = modulo(x * x))
    if (exponent & 1n) result = modulo(result * x);
  return result;
}

const inverse = (x) => power(x, P - 2n);
const D = modulo(-121665n * inverse(121666n));

function recover(y, sign) {
  const xx = modulo((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(xx, (P + 3n) / 8n);
  if (modulo(x * x - xx)) x = modulo(x * power(2n, (P - 1n) / 4n));
  if (modulo(x * x - xx) || (!x && sign)) throw new Error("no point of the curve");
  return (x & 1n) === sign ? x : P - x;
}

const point = (x, y) => [x, y, 1n, modulo(x * y)];
const Y = modulo(4n * inverse(5n));
const G = point(recover(Y, 0n), Y);

function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
  const a = modulo((y1 - x1) * (y2 - x2)), b = modulo((y1 + x1) * (y2 + x2));
  const c = modulo(2n * t1 * t2 * D), d = modulo(2n * z1 * z2);
  const e = b - a, f = d - c, g = d + c, h = b + a;
  return [modulo(e * f), modulo(g * h), modulo(f * g), modulo(e * h)];
}

function times(n, p) {
  let sum = [0n, 1n, 1n, 0n];
  for (; n; n >>= 1n, p = add(p, p)) if (n & 1n) sum = add(sum, p);
  return sum;
}

function compressed([x, y, z]) {
  const over = inverse(z), px = modulo(x * over), py = modulo(y * over);
  return littleEndian(py | ((px & 1n) << 255n), 32);
}

function decompressed(octets) {
  const number = numberOf(octets), y = number & mask(255);
  if (y >= P) throw new Error("not the canonical form");
  return point(recover(y, number >> 255n), y);
}

function expanded(secret) {
  const hash = sha512(secret);
  const scalar = (numberOf(hash.slice(0, 32)) & (mask(254) - 7n)) | (1n << 254n);
  return [scalar, hash.slice(32)];
}

const publicKey = (secret) => compressed(times(expanded(secret)[0], G));

function sign(secret, message) {
  const [scalar, prefix] = expanded(secret), key = publicKey(secret);
  const r = modulo(numberOf(sha512(joined(prefix, message))), L), R = compressed(times(r, G));
  const k = modulo(numberOf(sha512(joined(R, key, message))), L);
  return joined(R, littleEndian(modulo(r + k * scalar, L), 32));
}

function verifies(key, signature, message) {
  const R = signature.slice(0, 32), s = numberOf(signature.slice(32));
  if (s >= L) return false;
  const k = modulo(numberOf(sha512(joined(R, key, message))), L);
  return same(compressed(times(s, G)),
    compressed(add(decompressed(R), times(k, decompressed(key)))));
}
