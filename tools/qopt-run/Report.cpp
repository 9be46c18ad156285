#include "Report.h"

#include "qopt/Base/FileWriter.h"

#include <iostream>

namespace qopt::run {

Status writeReport(const Options &Options, const Json &Report) {
  if (Options.Json.empty())
    return {};
  std::string Text = Report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (Options.Json != "-")
    return writeFile(Options.Json, Text);
  std::cout << Text << std::flush;
  return std::cout ? Status() : Status(StatusCode::Failed, "cannot write to standard output");
}

} // namespace qopt::run
