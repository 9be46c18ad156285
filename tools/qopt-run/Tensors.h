// Tensors between .npz files and sessions.
#ifndef QOPT_TOOLS_QOPTRUN_TENSORS_H
#define QOPT_TOOLS_QOPTRUN_TENSORS_H

#include "qopt/Package/Npz.h"
#include "qopt/Runtime/Session.h"

#include <vector>

namespace qopt::run {

struct GraphInputs {
  std::vector<qopt_tensor> Tensors; ///< in the program's order
  std::vector<std::vector<char>> Storage;
};

/// Finds the array of each input by name. Integers are converted where every value fits; other
/// types must be the program's. Errors: BadInput for missing, superfluous or unfit arrays.
Result<GraphInputs> bindGraphInputs(const runtime::Program &Program, const NpzArrays &Arrays);

/// Inputs of the largest shapes: zeros, or the least allowed value.
NpzArrays largestInputs(const runtime::Program &Program);

/// Memory for the outputs that these inputs give.
Status makeOutputs(runtime::Session &Session, const std::vector<qopt_tensor> &Inputs,
                   std::vector<qopt_tensor> &Outputs, std::vector<std::vector<char>> &Storage);

} // namespace qopt::run

#endif
