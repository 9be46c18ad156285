// Prints JSON the same way every time: members in the order given, one line per member, and one
// line per element for the long lists.
#ifndef QOPT_LIB_PACKAGE_JSONPRINTER_H
#define QOPT_LIB_PACKAGE_JSONPRINTER_H

#include <nlohmann/json.hpp>
#include <string>

namespace qopt {

using OrderedJson = nlohmann::ordered_json;

/// The text of an object, ending with a newline. Arrays of objects get one line per element.
std::string printJson(const OrderedJson &Document);

} // namespace qopt

#endif
