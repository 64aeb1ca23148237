/* Key derivation for the component's CPython: PBKDF2-HMAC (RFC 8018) and scrypt (RFC 7914).
 *
 * CPython for WASI has no OpenSSL, and in Python a login would take seconds. Loaded as _dock2wasm_kdf;
 * dock2wasm_adapter.kdf checks arguments, all sizes here are right already.
 */
#include <stdlib.h>
#include <string.h>

#include "python.h"

/* --- hashes (FIPS 180-4) ------------------------------------------------------------------- */

#define ROL32(x, n) (((x) << (n)) | ((x) >> (32 - (n))))
#define ROR32(x, n) (((x) >> (n)) | ((x) << (32 - (n))))
#define ROR64(x, n) (((x) >> (n)) | ((x) << (64 - (n))))

static inline uint32_t load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline uint64_t load64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return __builtin_bswap64(v); }
static inline void store32(uint8_t *p, uint32_t v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }
static inline void store64(uint8_t *p, uint64_t v) { v = __builtin_bswap64(v); memcpy(p, &v, 8); }

static const uint32_t K256[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
static const uint64_t K512[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

typedef union {
    uint32_t w[8];
    uint64_t q[8];
} State;

static void sha1(State *s, const uint8_t *p) {
    uint32_t w[80];
    for (int i = 0; i < 16; i++) w[i] = load32(p + 4 * i);
    for (int i = 16; i < 80; i++) w[i] = ROL32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = s->w[0], b = s->w[1], c = s->w[2], d = s->w[3], e = s->w[4];
#define STEP(f, k)                                            \
    {                                                         \
        uint32_t t = ROL32(a, 5) + (f) + e + (k) + w[i];      \
        e = d; d = c; c = ROL32(b, 30); b = a; a = t;         \
    }
    for (int i = 0; i < 20; i++) STEP((b & c) | (~b & d), 0x5a827999)
    for (int i = 20; i < 40; i++) STEP(b ^ c ^ d, 0x6ed9eba1)
    for (int i = 40; i < 60; i++) STEP((b & c) | (b & d) | (c & d), 0x8f1bbcdc)
    for (int i = 60; i < 80; i++) STEP(b ^ c ^ d, 0xca62c1d6)
#undef STEP
    s->w[0] += a; s->w[1] += b; s->w[2] += c; s->w[3] += d; s->w[4] += e;
}

#define R256(a, b, c, d, e, f, g, h, k, x)                                                         \
    {                                                                                              \
        uint32_t t = h + (ROR32(e, 6) ^ ROR32(e, 11) ^ ROR32(e, 25)) + (g ^ (e & (f ^ g))) + (k) + (x); \
        d += t;                                                                                    \
        uint32_t m = a ^ b;                                                                        \
        h = t + (ROR32(a, 2) ^ ROR32(a, 13) ^ ROR32(a, 22)) + (b ^ (m & n));                       \
        n = m;                                                                                     \
    }
#define R512(a, b, c, d, e, f, g, h, k, x)                                                         \
    {                                                                                              \
        uint64_t t = h + (ROR64(e, 14) ^ ROR64(e, 18) ^ ROR64(e, 41)) + (g ^ (e & (f ^ g))) + (k) + (x); \
        d += t;                                                                                    \
        uint64_t m = a ^ b;                                                                        \
        h = t + (ROR64(a, 28) ^ ROR64(a, 34) ^ ROR64(a, 39)) + (b ^ (m & n));                      \
        n = m;                                                                                     \
    }
/* Eight rounds; the names turn instead of the values. `n` is b ^ c, known from the round before. */
#define EIGHT(R, K, w, i)                                                                          \
    R(a, b, c, d, e, f, g, h, K[i + 0], w[(i + 0) & 15])                                           \
    R(h, a, b, c, d, e, f, g, K[i + 1], w[(i + 1) & 15])                                           \
    R(g, h, a, b, c, d, e, f, K[i + 2], w[(i + 2) & 15])                                           \
    R(f, g, h, a, b, c, d, e, K[i + 3], w[(i + 3) & 15])                                           \
    R(e, f, g, h, a, b, c, d, K[i + 4], w[(i + 4) & 15])                                           \
    R(d, e, f, g, h, a, b, c, K[i + 5], w[(i + 5) & 15])                                           \
    R(c, d, e, f, g, h, a, b, K[i + 6], w[(i + 6) & 15])                                           \
    R(b, c, d, e, f, g, h, a, K[i + 7], w[(i + 7) & 15])

static inline void sha256_words(State *s, uint32_t *w) {
    uint32_t a = s->w[0], b = s->w[1], c = s->w[2], d = s->w[3];
    uint32_t e = s->w[4], f = s->w[5], g = s->w[6], h = s->w[7], n = b ^ c;
#define MORE(j)                                                                                    \
    w[(j) & 15] += (ROR32(w[(j + 1) & 15], 7) ^ ROR32(w[(j + 1) & 15], 18) ^ (w[(j + 1) & 15] >> 3)) + \
                   w[(j + 9) & 15] +                                                               \
                   (ROR32(w[(j + 14) & 15], 17) ^ ROR32(w[(j + 14) & 15], 19) ^ (w[(j + 14) & 15] >> 10));
#define SIXTEEN_MORE MORE(0) MORE(1) MORE(2) MORE(3) MORE(4) MORE(5) MORE(6) MORE(7)               \
    MORE(8) MORE(9) MORE(10) MORE(11) MORE(12) MORE(13) MORE(14) MORE(15)
    EIGHT(R256, K256, w, 0) EIGHT(R256, K256, w, 8)
    SIXTEEN_MORE EIGHT(R256, K256, w, 16) EIGHT(R256, K256, w, 24)
    SIXTEEN_MORE EIGHT(R256, K256, w, 32) EIGHT(R256, K256, w, 40)
    SIXTEEN_MORE EIGHT(R256, K256, w, 48) EIGHT(R256, K256, w, 56)
#undef MORE
    s->w[0] += a; s->w[1] += b; s->w[2] += c; s->w[3] += d;
    s->w[4] += e; s->w[5] += f; s->w[6] += g; s->w[7] += h;
}

static void sha256(State *s, const uint8_t *p) {
    uint32_t w[16];
    for (int i = 0; i < 16; i++) w[i] = load32(p + 4 * i);
    sha256_words(s, w);
}

static inline void sha512_words(State *s, uint64_t *w) {
    uint64_t a = s->q[0], b = s->q[1], c = s->q[2], d = s->q[3];
    uint64_t e = s->q[4], f = s->q[5], g = s->q[6], h = s->q[7], n = b ^ c;
#define MORE(j)                                                                                    \
    w[(j) & 15] += (ROR64(w[(j + 1) & 15], 1) ^ ROR64(w[(j + 1) & 15], 8) ^ (w[(j + 1) & 15] >> 7)) + \
                   w[(j + 9) & 15] +                                                               \
                   (ROR64(w[(j + 14) & 15], 19) ^ ROR64(w[(j + 14) & 15], 61) ^ (w[(j + 14) & 15] >> 6));
    EIGHT(R512, K512, w, 0) EIGHT(R512, K512, w, 8)
    SIXTEEN_MORE EIGHT(R512, K512, w, 16) EIGHT(R512, K512, w, 24)
    SIXTEEN_MORE EIGHT(R512, K512, w, 32) EIGHT(R512, K512, w, 40)
    SIXTEEN_MORE EIGHT(R512, K512, w, 48) EIGHT(R512, K512, w, 56)
    SIXTEEN_MORE EIGHT(R512, K512, w, 64) EIGHT(R512, K512, w, 72)
#undef MORE
    s->q[0] += a; s->q[1] += b; s->q[2] += c; s->q[3] += d;
    s->q[4] += e; s->q[5] += f; s->q[6] += g; s->q[7] += h;
}

static void sha512(State *s, const uint8_t *p) {
    uint64_t w[16];
    for (int i = 0; i < 16; i++) w[i] = load64(p + 8 * i);
    sha512_words(s, w);
}

/* Numbers of the hashes, known to dock2wasm_adapter.kdf too. */
enum { SHA1, SHA224, SHA256, SHA384, SHA512, KINDS };
typedef struct {
    void (*compress)(State *, const uint8_t *);
    unsigned block, word, digest; /* bytes */
    State start;
} Hash;
static const Hash HASHES[KINDS] = {
    {sha1, 64, 4, 20, {.w = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}}},
    {sha256, 64, 4, 28, {.w = {0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939, 0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4}}},
    {sha256, 64, 4, 32, {.w = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}}},
    {sha512, 128, 8, 48, {.q = {0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939, 0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4}}},
    {sha512, 128, 8, 64, {.q = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}}},
};

static void digest_of(const Hash *hash, const State *s, uint8_t *out) {
    uint8_t whole[64];
    for (int i = 0; i < 8; i++)
        if (hash->word == 4) store32(whole + 4 * i, s->w[i]);
        else store64(whole + 8 * i, s->q[i]);
    memcpy(out, whole, hash->digest);
}

/* Hash the rest of a message of which `before` bytes (whole blocks) are in the state. */
static void finish(const Hash *hash, State *s, size_t before, const uint8_t *data, size_t size, uint8_t *out) {
    uint64_t bits = 8 * ((uint64_t)before + size);
    uint8_t last[256] = {0};
    for (; size >= hash->block; data += hash->block, size -= hash->block) hash->compress(s, data);
    memcpy(last, data, size);
    last[size] = 0x80;
    size_t total = size + 1 + 2 * hash->word <= hash->block ? hash->block : 2 * hash->block;
    store64(last + total - 8, bits);
    for (size_t at = 0; at < total; at += hash->block) hash->compress(s, last + at);
    digest_of(hash, s, out);
}

/* --- PBKDF2 --------------------------------------------------------------------------------- */

typedef struct {
    State inner, outer;
} Hmac;

static void hmac_key(const Hash *hash, Hmac *mac, const uint8_t *key, size_t size) {
    uint8_t block[128] = {0}, pad[128];
    if (size > hash->block) {
        State s = hash->start;
        finish(hash, &s, 0, key, size, block);
    } else {
        memcpy(block, key, size);
    }
    mac->inner = mac->outer = hash->start;
    for (unsigned i = 0; i < hash->block; i++) pad[i] = block[i] ^ 0x36;
    hash->compress(&mac->inner, pad);
    for (unsigned i = 0; i < hash->block; i++) pad[i] = block[i] ^ 0x5c;
    hash->compress(&mac->outer, pad);
}

static void hmac(const Hash *hash, const Hmac *mac, const uint8_t *data, size_t size, uint8_t *out) {
    State s = mac->inner;
    uint8_t inner[64];
    finish(hash, &s, hash->block, data, size, inner);
    s = mac->outer;
    finish(hash, &s, hash->block, inner, hash->digest, out);
}

/* The rounds after the first of one block of output, in words: no bytes are swapped in between. */
#define ROUNDS(name, type, member, words_of, COUNT)                                                \
    static void name(const Hash *hash, const Hmac *mac, State *u, State *t, unsigned long rounds) { \
        type w[16], bits = 8 * (hash->block + hash->digest);                                       \
        while (rounds--) {                                                                         \
            for (int half = 0; half < 2; half++) {                                                 \
                memcpy(w, u->member, sizeof(type) * COUNT);                                        \
                w[COUNT] = (type)0x80 << (8 * sizeof(type) - 8);                                   \
                for (int i = COUNT + 1; i < 15; i++) w[i] = 0;                                     \
                w[15] = bits;                                                                      \
                *u = half ? mac->outer : mac->inner;                                               \
                words_of(u, w);                                                                    \
            }                                                                                      \
            for (int i = 0; i < COUNT; i++) t->member[i] ^= u->member[i];                          \
        }                                                                                          \
    }
ROUNDS(rounds224, uint32_t, w, sha256_words, 7)
ROUNDS(rounds256, uint32_t, w, sha256_words, 8)
ROUNDS(rounds384, uint64_t, q, sha512_words, 6)
ROUNDS(rounds512, uint64_t, q, sha512_words, 8)

static void rounds1(const Hash *hash, const Hmac *mac, State *u, State *t, unsigned long rounds) {
    uint8_t data[20];
    while (rounds--) {
        for (int i = 0; i < 5; i++) store32(data + 4 * i, u->w[i]);
        hmac(hash, mac, data, 20, data);
        for (int i = 0; i < 5; i++) {
            u->w[i] = load32(data + 4 * i);
            t->w[i] ^= u->w[i];
        }
    }
}

static void (*const ROUNDS_OF[KINDS])(const Hash *, const Hmac *, State *, State *, unsigned long) = {
    rounds1, rounds224, rounds256, rounds384, rounds512,
};

static int pbkdf2(const Hash *hash, const uint8_t *key, size_t key_size, const uint8_t *salt, size_t salt_size,
                  unsigned long rounds, uint8_t *out, size_t size) {
    Hmac mac;
    hmac_key(hash, &mac, key, key_size);
    uint8_t *first = malloc(salt_size + 4);
    if (!first) return 0;
    memcpy(first, salt, salt_size);
    for (uint32_t number = 1; size; number++) {
        uint8_t block[64];
        State u, t;
        store32(first + salt_size, number);
        hmac(hash, &mac, first, salt_size + 4, block);
        for (unsigned i = 0; i < hash->digest / hash->word; i++)
            if (hash->word == 4) u.w[i] = load32(block + 4 * i);
            else u.q[i] = load64(block + 8 * i);
        t = u;
        ROUNDS_OF[hash - HASHES](hash, &mac, &u, &t, rounds - 1);
        digest_of(hash, &t, block);
        size_t part = size < hash->digest ? size : hash->digest;
        memcpy(out, block, part);
        out += part;
        size -= part;
    }
    free(first);
    return 1;
}

/* --- scrypt --------------------------------------------------------------------------------- */

typedef uint32_t Row __attribute__((vector_size(16)));
#define ROLV(x, n) (((x) << (n)) | ((x) >> (32 - (n))))
#define TURN(x, a, b, c, d) __builtin_shufflevector(x, x, a, b, c, d)

/* Salsa20/8 of (b ^ x), added; the words of a block lie in diagonals (`shuffled`), four to a row. */
static inline void salsa(Row b[4], const Row x[4]) {
    Row r0 = b[0] ^= x[0], r1 = b[1] ^= x[1], r2 = b[2] ^= x[2], r3 = b[3] ^= x[3];
    for (int i = 0; i < 4; i++) {
        r1 ^= ROLV(r0 + r3, 7); r2 ^= ROLV(r1 + r0, 9); r3 ^= ROLV(r2 + r1, 13); r0 ^= ROLV(r3 + r2, 18);
        r1 = TURN(r1, 3, 0, 1, 2); r2 = TURN(r2, 2, 3, 0, 1); r3 = TURN(r3, 1, 2, 3, 0);
        r3 ^= ROLV(r0 + r1, 7); r2 ^= ROLV(r3 + r0, 9); r1 ^= ROLV(r2 + r3, 13); r0 ^= ROLV(r1 + r2, 18);
        r1 = TURN(r1, 1, 2, 3, 0); r2 = TURN(r2, 2, 3, 0, 1); r3 = TURN(r3, 3, 0, 1, 2);
    }
    b[0] += r0; b[1] += r1; b[2] += r2; b[3] += r3;
}

static void block_mix(const Row *in, Row *out, unsigned r) {
    Row x[4];
    memcpy(x, in + 4 * (2 * r - 1), 64);
    for (unsigned i = 0; i < 2 * r; i++) {
        salsa(x, in + 4 * i);
        memcpy(out + 4 * ((i & 1) * r + i / 2), x, 64);
    }
}

static void mix(uint8_t *b, unsigned long n, unsigned r, Row *v, Row *x, Row *y) {
    size_t rows = 8 * (size_t)r;
    uint32_t *w = (uint32_t *)x;
    for (size_t k = 0; k < 2 * (size_t)r; k++)
        for (int i = 0; i < 16; i++) memcpy(w + 16 * k + i, b + 64 * k + 4 * (i * 5 % 16), 4);
    for (unsigned long i = 0; i < n; i += 2) {
        memcpy(v + i * rows, x, 16 * rows);
        block_mix(x, y, r);
        memcpy(v + (i + 1) * rows, y, 16 * rows);
        block_mix(y, x, r);
    }
    for (unsigned long i = 0; i < n; i++) {
        const Row *chosen = v + (((uint32_t *)x)[16 * (2 * r - 1)] & (n - 1)) * rows;
        for (size_t k = 0; k < rows; k++) x[k] ^= chosen[k];
        block_mix(x, y, r);
        memcpy(x, y, 16 * rows);
    }
    for (size_t k = 0; k < 2 * (size_t)r; k++)
        for (int i = 0; i < 16; i++) memcpy(b + 64 * k + 4 * (i * 5 % 16), w + 16 * k + i, 4);
}

static int scrypt(const uint8_t *key, size_t key_size, const uint8_t *salt, size_t salt_size, unsigned long n,
                  unsigned r, unsigned p, uint8_t *out, size_t size) {
    size_t part = 128 * (size_t)r;
    const Hash *hash = &HASHES[SHA256];
    uint8_t *b = malloc(part * p);
    Row *v = aligned_alloc(16, part * (n + 2));
    int done = b && v && pbkdf2(hash, key, key_size, salt, salt_size, 1, b, part * p);
    if (done) {
        for (unsigned i = 0; i < p; i++) mix(b + part * i, n, r, v, v + n * 8 * r, v + (n + 1) * 8 * r);
        done = pbkdf2(hash, key, key_size, b, part * p, 1, out, size);
    }
    free(v);
    free(b);
    return done;
}

/* --- the module -------------------------------------------------------------------------------- */

static PyObject *py_pbkdf2(PyObject *self, PyObject *args) {
    int kind;
    const char *key, *salt;
    Py_ssize_t key_size, salt_size, size;
    unsigned long rounds;
    if (!PyArg_ParseTuple(args, "iy#y#kn", &kind, &key, &key_size, &salt, &salt_size, &rounds, &size)) return NULL;
    PyObject *out = PyBytes_FromStringAndSize(NULL, size);
    if (!out) return NULL;
    if (!pbkdf2(&HASHES[kind], (const uint8_t *)key, key_size, (const uint8_t *)salt, salt_size, rounds,
                (uint8_t *)PyBytes_AsString(out), size))
        return PyErr_NoMemory();
    return out;
}

static PyObject *py_scrypt(PyObject *self, PyObject *args) {
    const char *key, *salt;
    Py_ssize_t key_size, salt_size, size;
    unsigned long n, r, p;
    if (!PyArg_ParseTuple(args, "y#y#kkkn", &key, &key_size, &salt, &salt_size, &n, &r, &p, &size)) return NULL;
    PyObject *out = PyBytes_FromStringAndSize(NULL, size);
    if (!out) return NULL;
    if (!scrypt((const uint8_t *)key, key_size, (const uint8_t *)salt, salt_size, n, r, p,
                (uint8_t *)PyBytes_AsString(out), size))
        return PyErr_NoMemory();
    return out;
}

static PyMethodDef METHODS[] = {
    {"pbkdf2", py_pbkdf2, METH_VARARGS, "pbkdf2(number of the hash, password, salt, iterations, length) -> bytes"},
    {"scrypt", py_scrypt, METH_VARARGS, "scrypt(password, salt, n, r, p, length) -> bytes"},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef MODULE = {
    .ob_base = {1, NULL}, .m_name = "_dock2wasm_kdf", .m_size = -1, .m_methods = METHODS,
};

PyObject *PyInit__dock2wasm_kdf(void) { return PyModule_Create2(&MODULE, PYTHON_API_VERSION); }
