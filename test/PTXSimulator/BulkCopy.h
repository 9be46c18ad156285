// cp.async.bulk and cp.reduce.async.bulk, linear and of tensors.
#ifndef QOPT_PTXSIMULATOR_BULKCOPY_H
#define QOPT_PTXSIMULATOR_BULKCOPY_H

#include "Decoder.h"
#include "Memory.h"

namespace qopt::ptxsim {

void decodeBulk(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I);
void decodeTensor(Decoder &D, const Statement &S, const Modifiers &M, Instruction &I);

enum class Reduction : uint8_t { None, Add, Min, Max, Inc, Dec, And, Or, Xor };

/// The reduction that the opcode names, if any.
Reduction reductionOf(const Modifiers &M);
/// Combines elements of a type ("u32", "f16"…) of shared memory into global memory.
void reduceBytes(Reduction R, std::string_view Type, uint8_t *To, const uint8_t *From,
                 size_t Bytes);

/// CTAs that a load goes to: the mask's, or the one that the address means.
std::vector<uint64_t> destinations(Warp &W, const Instruction &I, unsigned Lane, uint64_t Address);

/// Puts a bulk operation under way: with an mbarrier (then Kind is Phase) or in the thread's open
/// group.
void startBulk(Warp &W, const Instruction &I, unsigned Lane, AsyncKind Kind,
               std::function<void()> Finish);

} // namespace qopt::ptxsim

#endif
