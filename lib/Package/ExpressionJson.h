// Expressions as JSON: an integer, a symbol's name, or ["+", a, b, …].
#ifndef QOPT_LIB_PACKAGE_EXPRESSIONJSON_H
#define QOPT_LIB_PACKAGE_EXPRESSIONJSON_H

#include "JsonPrinter.h"
#include "JsonReader.h"
#include "qopt/Base/ArtefactFormat.h"

namespace qopt {

OrderedJson expressionToJson(const Expression &E, const std::vector<artefact::Symbol> &Symbols);
Expression expressionFromJson(const JsonView &View, const std::vector<artefact::Symbol> &Symbols);

/// The index of the symbol with this name; fails at View without one.
int64_t symbolFromJson(const JsonView &View, const std::vector<artefact::Symbol> &Symbols);

} // namespace qopt

#endif
