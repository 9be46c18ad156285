// The report of --json.
#ifndef QOPT_TOOLS_QOPTRUN_REPORT_H
#define QOPT_TOOLS_QOPTRUN_REPORT_H

#include "Options.h"

#include <nlohmann/json.hpp>

namespace qopt::run {

using Json = nlohmann::ordered_json;

/// Writes the report where --json says, if it was given.
Status writeReport(const Options &Options, const Json &Report);

} // namespace qopt::run

#endif
