// Loops over the lanes of a warp, written so that the compiler turns the full ones into vectors.
#ifndef QOPT_PTXSIMULATOR_LANES_H
#define QOPT_PTXSIMULATOR_LANES_H

#include "Machine.h"

#include <type_traits>

namespace qopt::ptxsim {

template <typename Body> inline void forLanes(LaneMask Lanes, Body Do) {
  if (Lanes == AllLanes) {
    // Places are whole slots: equal or disjoint.
#pragma GCC ivdep
    for (unsigned L = 0; L < LaneCount; ++L)
      Do(L);
    return;
  }
  for (; Lanes; Lanes &= Lanes - 1)
    Do(static_cast<unsigned>(__builtin_ctz(Lanes)));
}

inline unsigned firstLane(LaneMask Lanes) { return __builtin_ctz(Lanes); }

/// How a slot holds a value of type T: values of less than 32 bits are zero-extended words.
template <typename T> using Stored = std::conditional_t<(sizeof(T) < 4), uint32_t, T>;

template <typename T> inline Stored<T> stored(T Value) {
  if constexpr (sizeof(T) < 4)
    return static_cast<std::make_unsigned_t<T>>(Value);
  else
    return Value;
}

template <typename D, typename A, typename F>
inline void unary(Warp &W, const Instruction &I, LaneMask Lanes, F Apply) {
  auto *Out = W.slot<Stored<D>>(I.Destination);
  const auto *X = W.slot<Stored<A>>(I.Source[0]);
  forLanes(Lanes, [=](unsigned L) { Out[L] = stored<D>(Apply(static_cast<A>(X[L]))); });
}

template <typename D, typename A, typename B, typename F>
inline void binary(Warp &W, const Instruction &I, LaneMask Lanes, F Apply) {
  auto *Out = W.slot<Stored<D>>(I.Destination);
  const auto *X = W.slot<Stored<A>>(I.Source[0]);
  const auto *Y = W.slot<Stored<B>>(I.Source[1]);
  forLanes(Lanes, [=](unsigned L) {
    Out[L] = stored<D>(Apply(static_cast<A>(X[L]), static_cast<B>(Y[L])));
  });
}

template <typename D, typename A, typename B, typename C, typename F>
inline void ternary(Warp &W, const Instruction &I, LaneMask Lanes, F Apply) {
  auto *Out = W.slot<Stored<D>>(I.Destination);
  const auto *X = W.slot<Stored<A>>(I.Source[0]);
  const auto *Y = W.slot<Stored<B>>(I.Source[1]);
  const auto *Z = W.slot<Stored<C>>(I.Source[2]);
  forLanes(Lanes, [=](unsigned L) {
    Out[L] = stored<D>(Apply(static_cast<A>(X[L]), static_cast<B>(Y[L]), static_cast<C>(Z[L])));
  });
}

/// The lanes for which a condition holds.
template <typename F> inline LaneMask maskOf(LaneMask Lanes, F Holds) {
  LaneMask Result = 0;
  forLanes(Lanes, [&](unsigned L) { Result |= LaneMask(Holds(L)) << L; });
  return Result;
}

/// An operand's value in a lane, zero-extended.
inline uint64_t laneValue(Warp &W, Place P, unsigned Lane, unsigned Bytes) {
  return Bytes == 8 ? W.slot<uint64_t>(P)[Lane] : W.slot<uint32_t>(P)[Lane];
}

} // namespace qopt::ptxsim

#endif
