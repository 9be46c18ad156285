// NumPy arrays in and out of programs.
#ifndef QOPT_RUNTIME_ARRAYS_H
#define QOPT_RUNTIME_ARRAYS_H

#include "qopt/Package/Npz.h"
#include "qopt/Runtime/Session.h"

#include <vector>

namespace qopt::runtime {

struct GraphInputs {
  std::vector<qopt_tensor> Tensors; ///< in the program's order
  std::vector<std::vector<char>> Storage;
};

/// Finds the array of each input by name. Integers are converted where every value fits; other
/// types must be the program's. Errors: BadInput for missing, superfluous or unfit arrays.
Result<GraphInputs> bindGraphInputs(const Program &Program, const NpzArrays &Arrays);

/// Inputs of the largest shapes: zeros, or the least allowed value.
NpzArrays largestInputs(const Program &Program);

/// Memory for the outputs that these inputs give.
Status makeOutputs(Session &Session, const std::vector<qopt_tensor> &Inputs,
                   std::vector<qopt_tensor> &Outputs, std::vector<std::vector<char>> &Storage);

/// Runs a program once on named arrays and gives its outputs by name. A graph takes its inputs; a
/// decoder takes integer `ids` [batch, tokens] and, if rows differ, `counts` [batch], and gives
/// `logits` f32 [batch, tokens, vocabulary].
Result<NpzArrays> runArrays(const std::shared_ptr<Program> &Program, const NpzArrays &Given);

} // namespace qopt::runtime

#endif
