// .npz files: zip archives of named .npy arrays.
#ifndef QOPT_PACKAGE_NPZ_H
#define QOPT_PACKAGE_NPZ_H

#include "qopt/Package/Npy.h"

#include <string>
#include <utility>
#include <vector>

namespace qopt {

/// Names without ".npy", in the order of the archive.
using NpzArrays = std::vector<std::pair<std::string, NpyArray>>;

/// Members may be stored or deflated; together they may not be larger than MaxBytes when unpacked.
/// Errors: BadInput for a damaged archive or a repeated name; ResourceLimit; those of parseNpy.
Result<NpzArrays> readNpz(const std::string &Path, int64_t MaxBytes = int64_t(1) << 36);

/// Members are stored, without a date, so equal arrays give equal bytes.
Status writeNpz(const std::string &Path, const NpzArrays &Arrays);

/// The array with this name, or nullptr.
const NpyArray *findArray(const NpzArrays &Arrays, const std::string &Name);

} // namespace qopt

#endif
