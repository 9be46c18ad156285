// --inputs and --outputs
#include "Report.h"
#include "Tool.h"

#include "qopt/Runtime/Arrays.h"

#include <iostream>

namespace qopt::run {

Status runTensors(const ProgramHandle &Program, const Options &O) {
  Result<NpzArrays> Given = readNpz(O.Inputs);
  if (!Given)
    return Given.status();
  Result<NpzArrays> Results = runtime::runArrays(Program, *Given);
  if (!Results)
    return Results.status();
  if (Status S = writeNpz(O.Outputs, *Results); !S.ok())
    return S;
  Json Shapes = Json::object();
  for (const auto &[Name, Array] : *Results) {
    Shapes[Name] = Array.Shape;
    if (!O.Quiet)
      std::cerr << O.Outputs << ": " << Name << " " << dataTypeName(Array.Type) << " "
                << Json(Array.Shape).dump() << "\n";
  }
  return writeReport(O, Json{{"outputs", Shapes}});
}

} // namespace qopt::run
