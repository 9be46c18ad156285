// ldmatrix, stmatrix, movmatrix: 8x8 matrices of 16-bit elements.
#include "Lanes.h"
#include "Memory.h"
#include "Opcodes.h"

#include <cstring>

namespace qopt::ptxsim {
namespace {

using Tile = uint16_t[8][8];

/// A lane's register holds two elements of row l/4; transposed, of column l/4.
uint32_t fromTile(const Tile &T, unsigned Lane, bool Transposed) {
  unsigned Group = Lane / 4, Pair = 2 * (Lane & 3);
  uint32_t Low = Transposed ? T[Pair][Group] : T[Group][Pair];
  uint32_t High = Transposed ? T[Pair + 1][Group] : T[Group][Pair + 1];
  return Low | High << 16;
}
void toTile(Tile &T, unsigned Lane, bool Transposed, uint32_t Value) {
  unsigned Group = Lane / 4, Pair = 2 * (Lane & 3);
  (Transposed ? T[Pair][Group] : T[Group][Pair]) = static_cast<uint16_t>(Value);
  (Transposed ? T[Pair + 1][Group] : T[Group][Pair + 1]) = static_cast<uint16_t>(Value >> 16);
}

void loadMatrix(Warp &W, const Instruction &I, LaneMask Lanes) {
  uint32_t Words[4][LaneCount];
  for (unsigned M = 0; M < I.Results.size(); ++M) {
    Tile T;
    for (unsigned Row = 0; Row < 8; ++Row) {
      unsigned L = 8 * M + Row;
      const uint8_t *From = accessMemory(W, I, L, static_cast<Space>(I.Space), laneAddress(W, I, L),
                                         16, Access::Read);
      if (!From)
        return;
      std::memcpy(T[Row], From, 16);
    }
    for (unsigned L = 0; L < LaneCount; ++L)
      Words[M][L] = fromTile(T, L, I.Mode);
  }
  for (unsigned M = 0; M < I.Results.size(); ++M)
    std::memcpy(W.slot<uint32_t>(I.Results[M]), Words[M], sizeof(Words[M]));
}

void storeMatrix(Warp &W, const Instruction &I, LaneMask Lanes) {
  for (unsigned M = 0; M < I.Elements.size(); ++M) {
    Tile T;
    for (unsigned L = 0; L < LaneCount; ++L)
      toTile(T, L, I.Mode, W.slot<uint32_t>(I.Elements[M])[L]);
    for (unsigned Row = 0; Row < 8; ++Row) {
      unsigned L = 8 * M + Row;
      uint8_t *To = accessMemory(W, I, L, static_cast<Space>(I.Space), laneAddress(W, I, L), 16,
                                 Access::Write);
      if (!To)
        return;
      std::memcpy(To, T[Row], 16);
    }
  }
  ++W.Group->Changes;
}

void transpose(Warp &W, const Instruction &I, LaneMask Lanes) {
  Tile T;
  for (unsigned L = 0; L < LaneCount; ++L)
    toTile(T, L, false, W.slot<uint32_t>(I.Source[0])[L]);
  for (unsigned L = 0; L < LaneCount; ++L)
    W.slot<uint32_t>(I.Destination)[L] = fromTile(T, L, true);
}

/// {ldmatrix|stmatrix}.sync.aligned.m8n8.xN{.trans}{.shared}.b16
bool readForm(const Modifiers &M, Instruction &I, unsigned &Count) {
  if (M.size() < 6 || M[1] != "sync" || M[2] != "aligned" || M[3] != "m8n8" || M.back() != "b16")
    return false;
  Count = M[4] == "x1" ? 1 : M[4] == "x2" ? 2 : M[4] == "x4" ? 4 : 0;
  I.Space = static_cast<uint8_t>(Space::Generic);
  for (size_t N = 5; N + 1 < M.size(); ++N) {
    if (M[N] == "trans")
      I.Mode = 1;
    else if (M[N] == "shared" || M[N] == "shared::cta")
      I.Space = static_cast<uint8_t>(Space::Shared);
    else
      return false;
  }
  I.Meet = Meeting::Warp;
  return Count != 0;
}

void decodeLdmatrix(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  unsigned Count;
  D.expectOperands(S, 2, 2);
  if (D.failed() || !readForm(M, I, Count))
    return D.unknown(S);
  I.Run = loadMatrix;
  D.address(S.Operands[1], I);
  I.Results = D.destinations(S.Operands[0], 4);
  if (I.Results.size() != Count)
    D.fail("a wrong number of registers");
}
void decodeStmatrix(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  unsigned Count;
  D.expectOperands(S, 2, 2);
  if (D.failed() || !readForm(M, I, Count))
    return D.unknown(S);
  I.Run = storeMatrix;
  D.address(S.Operands[0], I);
  I.Elements = D.sources(S.Operands[1], "b32");
  if (I.Elements.size() != Count)
    D.fail("a wrong number of registers");
}
void decodeMovmatrix(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I) {
  D.expectOperands(S, 2, 2);
  if (D.failed() || !has(M, "trans") || !has(M, "m8n8") || M.back() != "b16")
    return D.unknown(S);
  I.Run = transpose;
  I.Meet = Meeting::Warp;
  I.Source[0] = D.source(S.Operands[1], "b32");
  I.Destination = D.destination(S.Operands[0]);
}

} // namespace

void addMatrixMoveOpcodes(OpcodeTable &Table) {
  Table["ldmatrix"] = decodeLdmatrix;
  Table["stmatrix"] = decodeStmatrix;
  Table["movmatrix"] = decodeMovmatrix;
}

} // namespace qopt::ptxsim
