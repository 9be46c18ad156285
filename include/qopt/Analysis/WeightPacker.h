//===- WeightPacker.h - the bytes of a weight in its layout -----------------------------------===//
//
// Reads a weight panel by panel, quantizes it where its type is stored, and hands out the bytes of
// its layout. Memory stays near a few panels, whatever the weight's size. The layouts are described
// on their attributes.
//
//===------------------------------------------------------------------------------------------===//
#ifndef QOPT_ANALYSIS_WEIGHTPACKER_H
#define QOPT_ANALYSIS_WEIGHTPACKER_H

#include "QKernel/QKernel.h"
#include "qopt/Analysis/Scheme.h"
#include "qopt/Analysis/WeightReader.h"

namespace qopt {

/// Takes the bytes `[Offset, Offset + Bytes.size())` of the packed weight. Called by several
/// threads, never twice for the same byte.
using PackedSink = std::function<Status(int64_t Offset, llvm::ArrayRef<char> Bytes)>;

/// Writes all bytes of a weight (`WeightLayoutInterface::getByteSize` of them) on up to `Threads`
/// threads; the bytes do not depend on their number. Errors: BadInput for values that the stored
/// type cannot hold (NaN or infinity), those of the reader and the sink; Unsupported for a layout
/// that this packer does not know.
Status packWeight(WeightOp Weight, qkernel::WeightLayoutInterface Layout,
                  const SchemeRegistry &Schemes, const SourceBytes &Sources, unsigned Threads,
                  const PackedSink &Sink);

/// Bytes of one panel of `PanelRows` rows, from `Rows` rows of f32 values; for tests of kernels.
std::vector<char> packFloatPanel(mlir::Type Element, const float *Values, int64_t Rows,
                                 int64_t Columns, int64_t PanelRows);
std::vector<char> packCodePanel(StoredTypeInterface Type, const QuantizedRows &Rows,
                                int64_t PanelRows);
/// The same in words of four 8-bit codes.
std::vector<char> packWordPanel(StoredTypeInterface Type, const QuantizedRows &Rows,
                                int64_t PanelRows);
/// One panel of #qkernel.swizzled_tiles.
std::vector<char> packTilePanel(StoredTypeInterface Type, const QuantizedRows &Rows);
/// The same as tensor cores take it.
std::vector<char> packFragmentPanel(StoredTypeInterface Type, const QuantizedRows &Rows,
                                    const qkernel::FragmentTiling &Tiling);

} // namespace qopt

#endif // QOPT_ANALYSIS_WEIGHTPACKER_H
