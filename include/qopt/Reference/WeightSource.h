//===- WeightSource.h - weights for the evaluator, from a model's files -----------------------===//
#ifndef QOPT_REFERENCE_WEIGHTSOURCE_H
#define QOPT_REFERENCE_WEIGHTSOURCE_H

#include "qopt/Analysis/Scheme.h"
#include "qopt/Analysis/WeightReader.h"
#include "qopt/Reference/Evaluator.h"

namespace qopt {

/// Reads weights whole, and quantizes with their scheme those of a stored type: the values that the
/// artefact holds. The registry must outlive the provider. Fails, with a diagnostic at the weight,
/// on what the reader refuses and on a scheme that is not registered.
WeightProvider readWeights(SourceBytes Bytes, const SchemeRegistry &Schemes);

} // namespace qopt

#endif // QOPT_REFERENCE_WEIGHTSOURCE_H
