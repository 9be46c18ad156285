/* Kernels of the hand-written artefacts of TestArtefact.cpp. What a kernel must be able to rely on
 * is checked by trapping. */
#include <stdint.h>

enum { Context = 16, Vocabulary = 11 };

typedef void *const *Buffers;

static void require(int Condition) {
  if (!Condition)
    __builtin_trap();
}

/* ids, past, cache; one item per column */
void append(int64_t Begin, int64_t End, Buffers B, const int64_t *Symbols, void *Scratch) {
  const int64_t *Ids = B[0], *Past = B[1];
  int64_t *Cache = B[2], Tokens = Symbols[1];
  require(Begin < End && ((uintptr_t)Cache % 64) == 0);
  for (int64_t I = Begin; I < End; ++I) {
    int64_t Row = I / Tokens, Position = Past[Row] + I % Tokens;
    require(Ids[I] >= 0 && Ids[I] < Vocabulary && Position < Context);
    Cache[Row * Context + Position] = Ids[I];
  }
}

/* past, cache, sums (arena); one item per column: a number that depends on all tokens up to it and
 * on their order */
void sum(int64_t Begin, int64_t End, Buffers B, const int64_t *Symbols, void *Scratch) {
  const int64_t *Past = B[0], *Cache = B[1];
  int64_t *Sums = B[2], *Own = Scratch, Tokens = Symbols[1];
  require(((uintptr_t)Scratch % 64) == 0);
  for (int64_t I = Begin; I < End; ++I) {
    int64_t Row = I / Tokens, Position = Past[Row] + I % Tokens;
    Own[0] = 7;
    for (int64_t P = 0; P <= Position; ++P)
      Own[0] = (Own[0] * 31 + Cache[Row * Context + P] + 1) % 1000003;
    Sums[I] = Own[0];
  }
}

/* sums, count, past, weights, rotary, logits; one item per logit */
void logits_generic(int64_t Begin, int64_t End, Buffers B, const int64_t *Symbols, void *Scratch) {
  const int64_t *Sums = B[0], *Count = B[1], *Past = B[2];
  const float *Weights = B[3], *Rotary = B[4];
  float *Logits = B[5];
  int64_t Tokens = Symbols[1], Columns = Symbols[2];
  require(((uintptr_t)Weights % 64) == 0);
  for (int64_t I = Begin; I < End; ++I) {
    int64_t Id = I % Vocabulary, Column = I / Vocabulary % Columns, Row = I / Vocabulary / Columns;
    int64_t Token = Count[Row] - Columns + Column;
    require(Count[Row] >= 1 && Count[Row] <= Tokens);
    if (Token < 0)
      Token = 0;
    int64_t Score = (Sums[Row * Tokens + Token] * (Id + 3)) % 97;
    Logits[I] = (float)Score + Weights[Id] * Rotary[(Past[Row] + Token) * 4 + 1];
  }
}

void logits_avx2(int64_t Begin, int64_t End, Buffers B, const int64_t *Symbols, void *Scratch) {
  logits_generic(Begin, End, B, Symbols, Scratch);
}

/* x f32, offset i32, calls (state), y f32, z i64; one item per row */
void scale(int64_t Begin, int64_t End, Buffers B, const int64_t *Symbols, void *Scratch) {
  const float *X = B[0];
  const int32_t *Offset = B[1];
  int64_t *Calls = B[2], *Z = B[4], Size = Symbols[1];
  float *Y = B[3];
  for (int64_t Row = Begin; Row < End; ++Row) {
    ++Calls[Row];
    for (int64_t I = Row * Size; I < (Row + 1) * Size; ++I) {
      Y[I] = 2 * X[I] + (float)Offset[Row];
      Z[I] = Calls[Row];
    }
  }
}

/* from, to: each item needs its neighbour's result of the launch before */
void rotate(int64_t Begin, int64_t End, Buffers B, const int64_t *Symbols, void *Scratch) {
  const int64_t *From = B[0];
  int64_t *To = B[1], Size = Symbols[0];
  for (int64_t I = Begin; I < End; ++I)
    To[I] = (From[(I + 1) % Size] * 3 + I) % 1000003;
}
